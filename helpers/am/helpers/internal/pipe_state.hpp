// What a pipe does between its source and its target.
#pragma once

#include <am/helpers/internal/follow.hpp>
#include <am/helpers/internal/pipe_route.hpp>
#include <am/helpers/pipe.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace am {

namespace internal {

/// Travels with a forwarded mutation: the machines that it came through.
struct PipeTrail {
  std::vector<const detail::Core*> machines;

  bool has(const detail::Core* core) const {
    return std::ranges::find(machines, core) != machines.end();
  }
};

}  // namespace internal

/// Hears of the source's changes on whatever thread makes them, puts them into a mailbox, and
/// passes them on one at a time on its executor.
class Pipe::State : public std::enable_shared_from_this<State> {
 public:
  State(const Api& source, const Api& target, const std::vector<PipedState>& states,
        PipeOptions options);

  void start(const Api& source, const Api& target);
  void close();
  void keep_itself();
  bool active() const noexcept { return !closed_.load(std::memory_order_acquire); }
  PipeCounters counters() const;

 private:
  struct Item {
    internal::PipeSteps steps;
    Args args;
    internal::PipeTrail trail;
  };
  enum class Kind : std::uint8_t { add, remove };

  void say_gone() const;
  void changed(std::span<const TickChange> changes, const Transition* transition);
  void sync_later();
  void schedule();
  void run();
  bool step(Api& source, Api& target);
  void bring_in_line(const Api& source, Api& target);
  void forward(Api& target, Item item);
  void mutate(Api& target, Kind kind, std::vector<StateIndex> states, const Args& args);
  void told(Result result);
  bool fed(const Api& source, StateIndex target) const;
  static std::optional<Api> lock(const std::weak_ptr<detail::Core>& core);

  const std::weak_ptr<detail::Core> source_;
  const std::weak_ptr<detail::Core> target_;
  const std::string source_id_;
  const std::string target_id_;
  const detail::Core* const target_key_;  ///< to be compared only
  const detail::Core* const source_key_;
  const PipeOptions options_;
  const std::shared_ptr<Executor> executor_;
  std::vector<internal::PipeRoute> routes_;
  StateIndex exception_ = 0;  ///< of the target

  std::atomic<bool> closed_{false};
  std::atomic<std::size_t> in_flight_{0};
  mutable std::mutex mutex_;
  std::deque<Item> mailbox_;
  bool sync_ = false;       ///< comes before the mailbox
  bool scheduled_ = false;  ///< `run` is on its way, or runs
  bool waiting_ = false;    ///< for the target to be reachable again
  PipeCounters counters_;
  std::unique_ptr<internal::Follow> follow_;
  Continuation target_gone_;
  std::shared_ptr<State> self_;
};

}  // namespace am
