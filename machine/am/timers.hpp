// Things that happen after a time.
#pragma once

#include <am/detail/awaiting.hpp>
#include <am/detail/deadline.hpp>
#include <am/executor.hpp>

#include <chrono>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

namespace am {

/// Names one armed timer; never used again for another.
struct TimerId {
  std::uint64_t value = 0;
  friend bool operator==(TimerId, TimerId) = default;
};

/// A clock that calls back. All methods may be called from any thread. `FakeTimers` of
/// am/testing.hpp are for tests, whose time passes when they say so.
class Timers {
 public:
  using Clock = std::chrono::steady_clock;

  virtual ~Timers() = default;

  virtual Clock::time_point now() const = 0;
  /// Posts `fn` to `executor` when `due` has come, at once if it has already. Without an executor
  /// it is posted to `completion_executor`, or by fake timers to `inline_executor`.
  virtual TimerId at(Clock::time_point due, std::function<void()> fn,
                     std::shared_ptr<Executor> executor = nullptr) = 0;
  /// Keeps a timer from going off, and destroys its function; false when it has gone off, or was
  /// canceled before.
  virtual bool cancel(TimerId id) = 0;
};

/// The process's timers: one thread, which starts with the first timer and runs until the process
/// ends; not there in a forked child. Arming costs a lock and a place in a heap, canceling a lock.
const std::shared_ptr<Timers>& system_timers();

/// A mutation that is to come. Dropping the handle changes nothing. Any thread.
class Delayed {
 public:
  struct State;

  /// Of nothing.
  Delayed() = default;
  explicit Delayed(std::shared_ptr<State> state) : state_(std::move(state)) {}

  /// Keeps the mutation, or all further ones of a repeated mutation, from being made; false when
  /// nothing more would have come. One that is being made on another thread may still be.
  bool cancel() const;

 private:
  std::shared_ptr<State> state_;
};

namespace detail {

class SleepAwaiter {
 public:
  SleepAwaiter(std::shared_ptr<Timers> timers, Timers::Clock::duration duration)
      : timers_(std::move(timers)), duration_(duration) {}

  bool await_ready() const noexcept { return duration_ <= Timers::Clock::duration::zero(); }
  template <class Promise>
  [[gnu::noinline]] void await_suspend(std::coroutine_handle<Promise> coroutine) const {
    const auto timers = timers_;  // this may be gone as soon as the timer is armed
    const auto due = deadline_after(timers->now(), duration_);
    suspend_until(coroutine, [&](auto executor, auto resume) {
      timers->at(due, std::move(resume), std::move(executor));
    });
  }
  void await_resume() const noexcept {}

 private:
  std::shared_ptr<Timers> timers_;
  Timers::Clock::duration duration_;
};

}  // namespace detail

/// In a coroutine: goes on after `duration`.
template <class Rep, class Period>
detail::SleepAwaiter sleep_for(std::shared_ptr<Timers> timers,
                               std::chrono::duration<Rep, Period> duration) {
  return {std::move(timers), detail::saturated(duration)};
}

}  // namespace am
