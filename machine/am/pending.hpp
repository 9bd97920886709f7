// A value that comes later: the outcome of an asynchronous mutation, and of others of the kind.
#pragma once

#include <am/continuation.hpp>
#include <am/detail/awaiting.hpp>
#include <am/detail/deadline.hpp>
#include <am/detail/function_of.hpp>
#include <am/detail/signal.hpp>

#include <atomic>
#include <chrono>
#include <coroutine>
#include <memory>
#include <optional>
#include <stop_token>
#include <utility>

namespace am {

namespace detail {

class Core;

class PendingBase {
 public:
  explicit PendingBase(std::shared_ptr<Core> core) : core_(std::move(core)) {}

  /// Throws where the machine could never deliver the value to the calling thread.
  void check_may_block() const;
  /// `executor`, or where completions of the machine run.
  std::shared_ptr<Executor> place(std::shared_ptr<Executor> executor) const;

  Signal signal;

 protected:
  bool claim() noexcept { return !claimed_.exchange(true, std::memory_order_acq_rel); }

 private:
  std::shared_ptr<Core> core_;
  std::atomic<bool> claimed_{false};
};

template <class T>
class PendingState : public PendingBase {
 public:
  using PendingBase::PendingBase;

  /// The first value counts.
  void end(T result) {
    if (!claim()) return;
    value = std::move(result);
    signal.fire();
  }

  std::optional<T> value;  ///< once the signal has fired
};

}  // namespace detail

/// A value that is on its way: awaited in a coroutine, blocked for, or passed to a continuation.
/// Copies refer to the same one; dropping them all changes nothing. All methods may be called from
/// any thread; the blocking ones throw `Error` (would_deadlock) in a handler of the machine that is
/// to deliver it.
template <class T>
class Pending {
 public:
  explicit Pending(std::shared_ptr<detail::PendingState<T>> state) : state_(std::move(state)) {}

  bool done() const noexcept { return state_->signal.fired(); }
  /// The value, or nothing while it is on its way.
  std::optional<T> value() const { return done() ? state_->value : std::nullopt; }

  /// Blocks until the value is there.
  T get() const { return *get(std::stop_token{}); }
  /// Blocks until the value is there, or until `token` is stopped, which gives nothing.
  std::optional<T> get(std::stop_token token) const {
    return get_until(std::chrono::steady_clock::time_point::max(), std::move(token));
  }
  /// Blocks until the value is there, or for `duration`, which gives nothing.
  template <class Rep, class Period>
  std::optional<T> get_for(std::chrono::duration<Rep, Period> duration) const {
    return get_until(detail::deadline_after(std::chrono::steady_clock::now(), duration), {});
  }
  /// Blocks until the value is there, or until `deadline`, or until `token` is stopped, which give
  /// nothing.
  std::optional<T> get_until(std::chrono::steady_clock::time_point deadline,
                             std::stop_token token = {}) const {
    if (!done()) {
      state_->check_may_block();
      state_->signal.wait(deadline, std::move(token));
    }
    return value();
  }

  /// Has `fn` called with the value, or nothing; where and when as for `Wait::then`.
  template <class F>
  Continuation then(F fn) const {
    return then(inline_executor(), std::move(fn));
  }
  template <class F>
  Continuation then(std::shared_ptr<Executor> executor, F fn) const {
    auto run = detail::function_of<T>(std::move(fn));
    return Continuation(
        state_->signal.then(state_->place(std::move(executor)),
                            [state = state_, run = std::move(run)] { run(*state->value); }));
  }

  class Awaiter {
   public:
    explicit Awaiter(Pending pending) : pending_(std::move(pending)) {}
    bool await_ready() const noexcept { return pending_.done(); }
    template <class Promise>
    [[gnu::noinline]] void await_suspend(std::coroutine_handle<Promise> coroutine) const {
      const auto pending = pending_;  // this may be gone as soon as it is attached
      detail::suspend_until(coroutine, [&](auto executor, auto resume) {
        pending.then(std::move(executor), std::move(resume));
      });
    }
    T await_resume() const { return *pending_.value(); }

   private:
    Pending pending_;
  };
  /// In a coroutine: gives the value.
  Awaiter operator co_await() const { return Awaiter(*this); }

 private:
  std::shared_ptr<detail::PendingState<T>> state_;
};

}  // namespace am
