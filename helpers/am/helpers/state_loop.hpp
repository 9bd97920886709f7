// A guard for loops that run as long as a state is active.
#pragma once

#include <am/api.hpp>
#include <am/duration.hpp>
#include <am/timers.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

namespace am {

struct StateLoopOptions {
  /// Most ticks by which the loop's state, and those related to it, may grow within `window`.
  std::uint64_t threshold = 500;
  Duration window = std::chrono::seconds{1};
  /// The loop ends when it says false. Empty: always true.
  std::function<bool()> check{};
  std::stop_token stop{};
  /// What the window goes by; the machine's when null.
  std::shared_ptr<Timers> timers{};
};

/// Tells a loop whether to go on: while its state is active and nothing runs wild. For states that
/// try again and again, and may set each other off.
///
///     am::StateLoop loop{machine, "Connecting"};
///     while (loop.ok()) try_to_connect();
///
/// For one thread at a time.
class StateLoop {
 public:
  /// Throws `Error` (unknown_state) for a state that the machine does not have.
  StateLoop(Api machine, StateRef state, StateLoopOptions options = {});

  /// False once the state is inactive, `stop` is stopped, `check` says so, `end` was called, or the
  /// machine is gone: the usual ways out. Also false, and then an Exception of the machine tells
  /// why, when the related states have grown by more than the threshold within one window. What was
  /// false once stays false.
  bool ok();
  /// Ends the loop.
  void end() noexcept { ended_ = true; }
  bool ended() const noexcept { return ended_; }
  /// Sum of the ticks of the loop's state, of what it requires, and of the states that have a
  /// relation to it.
  std::uint64_t sum() const;

 private:
  bool grows_too_fast();

  Api machine_;
  StateIndex state_;
  std::string name_;
  StateLoopOptions options_;
  std::shared_ptr<Timers> timers_;
  std::vector<StateIndex> related_;
  bool ended_ = false;
  Timers::Clock::time_point window_begin_;
  std::uint64_t sum_then_ = 0;
};

}  // namespace am
