// Timers in order, canceled in constant time. No lock, no clock, no thread.
#pragma once

#include <am/timers.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace am::internal {

/// A binary heap of times, and a table of slots that holds what is to be run. A slot counts its
/// uses, and a TimerId is a slot and a count, so a stale one matches nothing. Canceling frees the
/// slot and leaves the entry in the heap to be skipped; stale entries are swept out when they are
/// more than half, so the heap holds at most twice the armed timers, and a few.
class TimerHeap {
 public:
  using Time = Timers::Clock::time_point;

  struct Due {
    std::function<void()> fn;
    std::shared_ptr<Executor> executor;
  };

  TimerId push(Time due, std::function<void()> fn, std::shared_ptr<Executor> executor);
  /// What the timer would have run; nothing when the id is stale.
  std::optional<Due> take(TimerId id);
  /// When the first timer is due.
  std::optional<Time> first();
  /// Takes the first timer if it is due at `now`. Of several due at one time, the oldest first.
  std::optional<Due> pop(Time now);
  std::size_t size() const noexcept { return armed_; }
  /// Places in the heap, stale ones included.
  std::size_t entries() const noexcept { return heap_.size(); }

 private:
  struct Entry {
    Time due;
    std::uint64_t order = 0;
    TimerId id;
  };
  struct Slot {
    std::uint32_t uses = 1;
    bool armed = false;
    Due due{};
  };

  static bool later(const Entry& a, const Entry& b) noexcept {
    return a.due != b.due ? a.due > b.due : a.order > b.order;
  }
  Slot* find(TimerId id) noexcept;
  void drop_stale();
  void sweep();

  std::vector<Entry> heap_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
  std::size_t armed_ = 0;
  std::uint64_t order_ = 0;
};

}  // namespace am::internal
