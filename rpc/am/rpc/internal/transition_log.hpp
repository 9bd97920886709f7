// The transitions of a source, one by one, for those who want each.
#pragma once

#include <am/rpc/internal/clock_codec.hpp>
#include <am/transition.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

namespace am::rpc::internal {

/// What a client is to be told of one.
struct LoggedTransition {
  MutationType type = MutationType::add;
  bool automatic = false;
  bool accepted = true;
  std::uint64_t queue_tick = 0;  ///< 0: it has none
  std::vector<StateIndex> called{};
  /// Ticks after it, by index.
  struct Change {
    StateIndex index = 0;
    std::uint64_t after = 0;
  };
  std::vector<Change> changes{};
};

/// From the thread that drains the source to the I/O thread. Bounded: what is not taken in time is
/// lost as a whole, and who takes learns that.
class TransitionLog {
 public:
  /// Most transitions that wait, and most states in all of them.
  static constexpr std::size_t max_waiting = 1024;
  static constexpr std::size_t max_states = std::size_t{1} << 16U;

  // -- by the draining thread ----------------------------------------------------------

  /// Whether anybody wants them. One load.
  bool wanted() const noexcept { return wanted_.load(std::memory_order_relaxed); }
  /// Transitions that begin from now on will be noted. Those that end before the first of them
  /// would be missing: `tear` for them.
  void begin() noexcept { begun_.store(true, std::memory_order_relaxed); }
  bool begun() const noexcept { return begun_.load(std::memory_order_relaxed); }
  /// Notes a transition that is over. True when it is the first one that waits, so that whoever
  /// takes has to be told.
  bool add(const Transition& transition);
  /// What cannot be told as a transition has happened. Returns as `add`.
  bool tear();

  // -- by the I/O thread ---------------------------------------------------------------

  /// Forgets what waits, too.
  void want(bool wanted);
  /// Moves what waits to `out`. False when some were lost: then `out` is empty, and what is noted
  /// from now on may have begun before.
  bool take(std::vector<LoggedTransition>& out);

 private:
  bool lose();

  std::atomic<bool> wanted_{false};
  std::atomic<bool> begun_{false};
  std::mutex mutex_;
  std::vector<LoggedTransition> waiting_;
  std::size_t states_ = 0;
  bool lost_ = false;
};

/// Brings `clocks` to what they were after `transition`. False when they had come that far already.
bool apply(const LoggedTransition& transition, Clocks& clocks) noexcept;

}  // namespace am::rpc::internal
