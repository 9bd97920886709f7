// Coroutines that wait for machines.
#pragma once

#include <am/continuation.hpp>
#include <am/detail/awaiting.hpp>
#include <am/detail/deadline.hpp>
#include <am/detail/function_of.hpp>
#include <am/detail/signal.hpp>
#include <am/error.hpp>

#include <chrono>
#include <coroutine>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

namespace am {

template <class T>
class Task;

namespace detail {

struct Nothing {};
template <class T>
using Stored = std::conditional_t<std::is_void_v<T>, Nothing, T>;

/// What a task came to: nothing yet, a value, or an exception.
template <class T>
class Outcome {
 public:
  template <class V>
  void set(V&& value) {
    stored_.template emplace<1>(std::forward<V>(value));
  }
  void fail(std::exception_ptr cause) { stored_.template emplace<2>(std::move(cause)); }
  std::exception_ptr exception() const {
    const auto* cause = std::get_if<2>(&stored_);
    return cause == nullptr ? nullptr : *cause;
  }
  T take() {
    if (auto* cause = std::get_if<2>(&stored_)) std::rethrow_exception(*cause);
    if constexpr (!std::is_void_v<T>) return std::move(std::get<1>(stored_));
  }

 private:
  std::variant<std::monostate, Stored<T>, std::exception_ptr> stored_;
};

template <class T>
struct TaskPromiseResult : TaskPromiseBase {
  Outcome<T> outcome{};
  template <class V>
  void return_value(V&& value) {
    outcome.set(std::forward<V>(value));
  }
};

template <>
struct TaskPromiseResult<void> : TaskPromiseBase {
  Outcome<void> outcome{};
  void return_void() { outcome.set(Nothing{}); }
};

}  // namespace detail

/// A coroutine that may `co_await` waits, mutations, timers and other tasks. It begins when it is
/// awaited, or given to `spawn`, and goes on, after each wait, on the executor that it was spawned
/// on, never inside a transition. What it throws, its awaiter gets. A coroutine's parameters should
/// be values: it outlives the call that makes it. A task that is never awaited never runs.
///
///     am::Task<int> visit(am::Api door) {
///       if (co_await door.when("Open") != am::Ended::fired) co_return 0;
///       co_return 1;
///     }
template <class T = void>
class [[nodiscard]] Task {
 public:
  struct promise_type : detail::TaskPromiseResult<T> {
    struct Final {
      bool await_ready() const noexcept { return false; }
      std::coroutine_handle<> await_suspend(
          std::coroutine_handle<promise_type> coroutine) const noexcept {
        return coroutine.promise().continuation;
      }
      void await_resume() const noexcept {}
    };

    Task get_return_object() {
      return Task(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    Final final_suspend() const noexcept { return {}; }
    void unhandled_exception() { this->outcome.fail(std::current_exception()); }
  };

  Task(Task&& other) noexcept : coroutine_(std::exchange(other.coroutine_, {})) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      if (coroutine_) coroutine_.destroy();
      coroutine_ = std::exchange(other.coroutine_, {});
    }
    return *this;
  }
  ~Task() {
    if (coroutine_) coroutine_.destroy();
  }

  struct Awaiter {
    std::coroutine_handle<promise_type> coroutine;

    bool await_ready() const noexcept { return false; }
    template <std::derived_from<detail::TaskPromiseBase> Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> awaiting) const {
      coroutine.promise().context = awaiting.promise().context;
      coroutine.promise().continuation = awaiting;
      return coroutine;
    }
    T await_resume() const { return coroutine.promise().outcome.take(); }
  };
  /// Runs the task to its end and gives what it returns. In another task only; once.
  Awaiter operator co_await() && noexcept { return {coroutine_}; }

 private:
  explicit Task(std::coroutine_handle<promise_type> coroutine) : coroutine_(coroutine) {}

  std::coroutine_handle<promise_type> coroutine_;
};

namespace detail {

/// A spawned task: its context, and where its outcome is waited for.
template <class T>
class Spawn final : public TaskContext {
 public:
  using TaskContext::TaskContext;

  void finished() override {
    root = {};
    signal.fire();
  }
  void abandon() noexcept override {
    std::exchange(root, {}).destroy();
    outcome.fail(std::make_exception_ptr(
        Error(Errc::disposed, "a task was abandoned: its executor has been stopped")));
    signal.fire();
  }

  Signal signal;
  Outcome<T> outcome;
  std::coroutine_handle<> root{};
};

/// The coroutine around a spawned task. It destroys itself.
struct SpawnRoot {
  struct promise_type : TaskPromiseBase {
    struct Final {
      bool await_ready() const noexcept { return false; }
      [[gnu::noinline]] void await_suspend(
          std::coroutine_handle<promise_type> ended) const noexcept {
        const auto context = std::move(ended.promise().context);
        ended.destroy();  // first: whoever waits for the task finds its locals gone
        context->finished();
      }
      void await_resume() const noexcept {}
    };

    SpawnRoot get_return_object() {
      return {std::coroutine_handle<promise_type>::from_promise(*this)};
    }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    Final final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() const noexcept { std::terminate(); }
  };

  std::coroutine_handle<promise_type> coroutine;
};

template <class T>
SpawnRoot spawn_root(Task<T> task, Spawn<T>& spawn) {
  try {
    if constexpr (std::is_void_v<T>) {
      co_await std::move(task);
      spawn.outcome.set(Nothing{});
    } else {
      spawn.outcome.set(co_await std::move(task));
    }
  } catch (...) {
    spawn.outcome.fail(std::current_exception());
  }
}

}  // namespace detail

/// A task that runs. Copies refer to the same one; dropping them all does not end it. All methods
/// may be called from any thread. A blocking one must not be called where the task would have to
/// run: on its executor's thread, or in a handler of the machine that it waits for.
template <class T = void>
class Spawned {
 public:
  explicit Spawned(std::shared_ptr<detail::Spawn<T>> state) : state_(std::move(state)) {}

  /// True when the task has ended: returned, thrown, or been abandoned.
  bool done() const noexcept { return state_->signal.fired(); }
  /// Blocks until the task has ended.
  void wait() const { state_->signal.wait(std::chrono::steady_clock::time_point::max(), {}); }
  /// Blocks until the task has ended, or for `duration`; returns whether it has.
  template <class Rep, class Period>
  bool wait_for(std::chrono::duration<Rep, Period> duration) const {
    const auto deadline = detail::deadline_after(std::chrono::steady_clock::now(), duration);
    return state_->signal.wait(deadline, {}) == detail::Signal::Outcome::fired;
  }
  /// Blocks until the task has ended, and moves out what it returned, or throws what it threw;
  /// `Error` (disposed) when its executor was stopped first. Call it once.
  T get() const {
    wait();
    return state_->outcome.take();
  }
  /// What an ended task threw; null when it returned, or still runs.
  std::exception_ptr exception() const { return done() ? state_->outcome.exception() : nullptr; }
  /// Has `fn()` called on `executor` when the task has ended.
  template <class F>
  Continuation then(std::shared_ptr<Executor> executor, F fn) const {
    auto run = detail::function_of<detail::Nothing>(std::move(fn));
    return Continuation(state_->signal.then(std::move(executor),
                                            [state = state_, run = std::move(run)] { run({}); }));
  }

 private:
  std::shared_ptr<detail::Spawn<T>> state_;
};

/// Starts `task` on `executor`, where it also goes on after each wait. It keeps itself alive until
/// it ends: at the latest some time after the machines that it waits for are disposed of. When
/// `executor` is stopped, the task is abandoned at its next wake-up: its coroutines are destroyed,
/// and it ends with `Error` (disposed). Any thread.
template <class T>
Spawned<T> spawn(const std::shared_ptr<Executor>& executor, Task<T> task) {
  if (executor == nullptr) {
    throw Error(Errc::invalid_argument, "spawn: a task needs an executor; null was passed");
  }
  auto state = std::make_shared<detail::Spawn<T>>(executor);
  const auto root = detail::spawn_root(std::move(task), *state).coroutine;
  root.promise().context = state;
  state->root = root;
  executor->post(detail::suspend(root).resume);
  return Spawned<T>(std::move(state));
}

}  // namespace am
