// The queue of one machine: order, queue ticks, limit, de-duplication, and who drains it.
#pragma once

#include <am/args.hpp>
#include <am/detail/deadline.hpp>
#include <am/internal/completion.hpp>
#include <am/tick.hpp>
#include <am/transition.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace am::internal {

/// Where a mutation was made. Costs no allocation: for mutations made in handlers, `machine` is the
/// id in the core of the handler's machine, and keeps it.
struct Source {
  std::shared_ptr<const std::string> machine{};  ///< null for mutations made outside of machines
  std::uint64_t transition = 0;
  std::uint64_t time = 0;

  MutationSource view() const noexcept {
    return machine == nullptr ? MutationSource{} : MutationSource{*machine, transition, time};
  }
};

/// A mutation on its way to becoming a transition.
struct Mutation {
  MutationType type = MutationType::add;
  bool check = false;
  bool automatic = false;
  std::uint64_t queue_tick = 0;  ///< 0 for what is prepended: checks, automatic ones, own errors
  std::vector<StateIndex> called{};
  Args args{};
  std::shared_ptr<Completion> completion{};
  bool is_root = false;  ///< the completion follows this mutation itself, not an ancestor
  bool eval = false;     ///< no mutation: the completion is an Evaluation to be run; also a check
  Source source{};
  /// When its turn comes too late, by the machine's timers.
  std::chrono::steady_clock::time_point expires = detail::never;
};

/// A row of reused slots: no allocation in the steady state.
template <class T>
class Ring {
 public:
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  T& operator[](std::size_t i) noexcept { return slots_[(head_ + i) & mask()]; }
  const T& operator[](std::size_t i) const noexcept { return slots_[(head_ + i) & mask()]; }
  /// Appends a slot and returns it as its last user left it.
  T& push() {
    if (size_ == capacity_) grow();
    return (*this)[size_++];
  }
  /// Takes the first `count` away; their slots keep what is in them.
  void drop(std::size_t count) noexcept {
    head_ = static_cast<std::uint32_t>((head_ + count) & mask());
    size_ -= static_cast<std::uint32_t>(count);
  }

 private:
  std::size_t mask() const noexcept { return capacity_ - 1U; }
  void grow() {
    const auto capacity = capacity_ == 0 ? 4U : capacity_ * 2U;
    auto larger = std::make_unique<T[]>(capacity);
    for (std::size_t i = 0; i < size_; ++i) larger[i] = std::move((*this)[i]);
    slots_ = std::move(larger);
    capacity_ = capacity;
    head_ = 0;
  }

  std::unique_ptr<T[]> slots_;
  std::uint32_t capacity_ = 0;  ///< a power of two
  std::uint32_t head_ = 0;
  std::uint32_t size_ = 0;
};

/// Mutations in order, and one word that says whether somebody drains them.
///
/// The word, `gate_`, packs "drained now", "something is queued", "closed", and how many mutations
/// were ever appended, so that taking the claim on an idle machine and getting a queue tick is one
/// compare-and-swap, and appending to a busy one cannot race with its release: a mutation is either
/// seen by the drainer before it lets go, or its caller becomes the drainer. No wake-up is lost.
///
/// Most mutations say no more than a few states. They are kept in 16 bytes each, and the drainer
/// copies many at a time, so that threads that queue and the one that drains seldom need the same
/// memory. What is copied stays in the queue for all others to see until the drainer starts it,
/// which is one addition to `started_`; whoever has the mutex may `recall` what is not started.
class MutationQueue {
 public:
  enum class Entry : std::uint8_t { claimed, busy, closed };

  /// A queued mutation. With no states here, it is the next of `whole_`.
  struct Slot {
    static constexpr std::size_t most_states = 3;

    std::uint64_t queue_tick = 0;
    std::array<StateIndex, most_states> called{};
    std::uint8_t count = 0;
    MutationType type = MutationType::add;

    std::span<const StateIndex> states() const noexcept { return {called.data(), count}; }
  };
  /// The drainer's copies.
  struct Batch {
    static constexpr std::size_t most = 32;

    std::array<Slot, most> slots;
    std::size_t size = 0;
    std::size_t next = 0;

    bool at_end() const noexcept { return next == size; }
  };

  /// Takes the drain claim when the machine is idle. `ticked`: the mutation counts as appended; its
  /// queue tick goes to `queue_tick`.
  Entry try_claim(bool ticked, std::uint64_t& queue_tick) noexcept {
    auto gate = gate_.load(std::memory_order_relaxed);
    while (true) {
      if ((gate & closed_bit) != 0) return Entry::closed;
      if ((gate & (draining_bit | queued_bit)) != 0) return Entry::busy;
      const auto claimed = (gate + (ticked ? one_appended : 0)) | draining_bit;
      if (gate_.compare_exchange_weak(gate, claimed, std::memory_order_acquire,
                                      std::memory_order_relaxed)) {
        queue_tick = ticked ? tick_of(claimed) : 0;
        return Entry::claimed;
      }
    }
  }

  /// Appends to (checks: prepends to) a busy queue; may find it idle and take the claim after all.
  /// Its queue tick goes to `queue_tick`. Call with `mutex()` held. `mutation` is left as it is
  /// unless the answer is `busy`.
  Entry append(Mutation& mutation, std::uint64_t& queue_tick);

  /// Whether something waits. Any thread.
  bool empty() const noexcept { return (gate_.load(std::memory_order_acquire) & queued_bit) == 0; }

  /// Gives up the claim if nothing is queued; false when something is.
  bool try_release() noexcept {
    auto gate = gate_.load(std::memory_order_relaxed);
    while ((gate & queued_bit) == 0) {
      if (gate_.compare_exchange_weak(gate, gate & ~draining_bit, std::memory_order_seq_cst,
                                      std::memory_order_relaxed)) {
        return true;
      }
    }
    return false;
  }
  /// Has the drainer look at the queue once more before it lets go; false when nobody drains. With
  /// the mutex held.
  bool hold_drainer() noexcept;
  /// Starts the next mutation of `batch`, into `out`; false when it has none, or they were
  /// recalled. By the drainer.
  bool start_next(Batch& batch, Mutation& out) {
    if (batch.at_end()) return false;
    if (started_.fetch_add(1, std::memory_order_acq_rel) >= recalled) {
      batch.size = batch.next = 0;
      return false;
    }
    fill(out, batch.slots[batch.next++]);
    return true;
  }
  /// Starts the next mutation of the queue, into `out`, and copies at most `most` in all to
  /// `batch`, which has none left; false when the queue is empty. By the drainer. `left`: how many
  /// wait after that.
  bool take(Batch& batch, std::size_t most, Mutation& out, std::size_t& left);

  /// Moves what waits to `dropped`. With the mutex held, by the drainer or on its behalf.
  void clear(std::vector<Mutation>& dropped);
  /// Refuses all further mutations and moves what waits to `dropped`.
  void close(std::vector<Mutation>& dropped);
  bool closed() const noexcept { return (gate_.load(std::memory_order_acquire) & closed_bit) != 0; }
  bool draining() const noexcept {
    // Ordered against the release, for who counts itself as a waiter and then looks.
    return (gate_.load(std::memory_order_seq_cst) & draining_bit) != 0;
  }

  std::mutex& mutex() const noexcept { return mutex_; }
  /// Waits on this, with `mutex()`, for room or for the end of draining.
  std::condition_variable& changed() noexcept { return changed_; }
  void add_watcher() noexcept { watchers_.fetch_add(1, std::memory_order_seq_cst); }
  void remove_watcher() noexcept { watchers_.fetch_sub(1, std::memory_order_relaxed); }
  bool watched() const noexcept { return watchers_.load(std::memory_order_seq_cst) != 0; }
  /// Wakes the watchers. Without the mutex.
  void notify_watchers();
  /// Wakes one of them, where there is room for some and the rest is told later.
  void notify_a_watcher();

  // With the mutex held:
  /// How many wait.
  std::size_t size() const noexcept { return size_bound() - started(); }
  /// Not less than that, and does not disturb the drainer.
  std::size_t size_bound() const noexcept { return slots_.size() + prepended_.size(); }
  /// Calls `fn(mutation)` for each that waits, the next one first.
  template <class Fn>
  void for_each(Fn&& fn) const {
    for (auto it = prepended_.rbegin(); it != prepended_.rend(); ++it) fn(*it);
    std::size_t whole = 0;
    for (std::size_t i = started(); i < slots_.size(); ++i) {
      if (slots_[i].count == 0) {
        fn(whole_[whole++]);
      } else {
        Mutation mutation;
        fill(mutation, slots_[i]);
        fn(std::as_const(mutation));
      }
    }
  }
  /// The queue tick of a pending mutation that makes this one superfluous (vectors rule 7), or 0.
  std::uint64_t duplicate_of(MutationType type, std::span<const StateIndex> called) noexcept;

 private:
  static constexpr std::uint64_t draining_bit = 1;
  static constexpr std::uint64_t queued_bit = 2;
  static constexpr std::uint64_t closed_bit = 4;
  static constexpr std::uint64_t one_appended = 8;

  static std::uint64_t tick_of(std::uint64_t gate) noexcept { return 1 + gate / one_appended; }
  static void fill(Mutation& mutation, const Slot& slot);
  void push(Mutation& mutation);
  /// How many at the front of `slots_` are started.
  std::size_t started() const noexcept {
    return batched_ == 0 ? 0 : std::min(started_.load(std::memory_order_acquire), batched_);
  }
  std::size_t recall() noexcept;

  static constexpr std::uint32_t recalled = std::uint32_t{1} << 31U;

  std::atomic<std::uint64_t> gate_{0};
  mutable std::mutex mutex_;
  Ring<Slot> slots_;
  std::uint32_t batched_ = 0;  ///< how many at the front were copied, and not taken away since
  std::atomic<std::uint32_t> watchers_{0};
  std::vector<Mutation> prepended_;  ///< last one first
  Ring<Mutation> whole_;             ///< those that do not fit in a slot
  std::condition_variable changed_;
  /// Of those, how many were started; `recalled` and more: the drainer has to look again. Last, as
  /// the drainer writes it all the time, others the members above.
  std::atomic<std::uint32_t> started_{0};
};

}  // namespace am::internal
