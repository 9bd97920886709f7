// Following the ticks of some states of a machine, local or remote.
#pragma once

#include <am/api.hpp>
#include <am/transition.hpp>

#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace am::internal {

/// What a follower is told. Calls come one at a time, in the order of the changes; they must not
/// block. One that has begun on another thread may go on while the Follow is destroyed: refer to
/// what may be gone by weak pointers.
struct FollowCalls {
  /// Followed states whose ticks changed. `transition` is null for remote machines, and
  /// for ticks that came with a snapshot, which may be lower.
  std::function<void(std::span<const TickChange>, const Transition* transition)> changed;
  /// The remote source was replaced, or a local one took over a snapshot (without this function,
  /// `changed` tells of that): ticks start anew, and changes may have been missed.
  std::function<void()> replaced{};
  /// The machine is gone. The last call.
  std::function<void()> gone{};
};

/// Local machines are followed by a tracer: every transition is seen, on the thread that runs it.
/// Remote ones by waits for ticks: what happens between two looks is seen as one change, on the
/// completion executor. Destroying it ends it. Any thread.
class Follow {
 public:
  enum class By : std::uint8_t { best, ticks };

  Follow(const Api& machine, std::vector<StateIndex> states, FollowCalls calls, By by = By::best);
  ~Follow();
  Follow(const Follow&) = delete;
  Follow& operator=(const Follow&) = delete;

 private:
  class Tracing;
  class Waiting;

  std::weak_ptr<detail::Core> core_;
  std::uint32_t tracer_ = 0;
  std::shared_ptr<Waiting> waiting_;
};

/// Calls `gone` when `machine` ends, where it ends; for the library's own small steps only. Cancel
/// the result to forget it.
Continuation when_gone(const Api& machine, std::function<void()> gone);

}  // namespace am::internal
