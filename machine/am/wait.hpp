// Waiting for a machine: one object, several ways to wait on it.
#pragma once

#include <am/continuation.hpp>
#include <am/detail/awaiting.hpp>
#include <am/detail/deadline.hpp>
#include <am/detail/function_of.hpp>
#include <am/executor.hpp>

#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

namespace am {

namespace detail {
class Core;
}
namespace internal {
struct WaitState;
}

template <class T>
class Pending;

/// How a wait ended.
enum class Ended : std::uint8_t {
  fired,     ///< the condition held
  timeout,   ///< the given time passed; the wait itself goes on
  stopped,   ///< the given stop token was triggered; the wait itself goes on
  disposed,  ///< the machine is gone
  /// The ticks mean nothing any more: a remote machine's source was restarted or replaced, or the
  /// machine was taken back to earlier clocks (`Machine::restore`).
  epoch_changed,
  unknown,  ///< remote: may have been missed
};

const char* to_string(Ended ended) noexcept;

/// A one-shot wait on a machine's states or ticks. A handle: copies share the wait, and the last
/// one to go detaches it. Conditions that already held end at once. All methods may be called from
/// any thread; the blocking ones throw `Error` (would_deadlock) where nothing could ever end the
/// wait, as in a handler of the same machine.
class Wait {
 public:
  /// An empty wait, which has ended as disposed.
  Wait() = default;
  explicit Wait(internal::WaitState* state) : state_(state) {}  ///< takes over one reference
  Wait(const Wait& other) noexcept;
  Wait(Wait&& other) noexcept : state_(other.state_) { other.state_ = nullptr; }
  Wait& operator=(Wait other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~Wait();

  /// True when the wait has ended, for whatever reason.
  bool done() const noexcept;
  /// How it ended, or nothing while it goes on.
  std::optional<Ended> ended() const noexcept;

  /// Blocks until the wait ends. There is no hidden timeout.
  Ended wait() const;
  /// Blocks until the wait ends or `token` is stopped.
  Ended wait(std::stop_token token) const;
  /// Blocks until the wait ends, or for `duration`.
  template <class Rep, class Period>
  Ended wait_for(std::chrono::duration<Rep, Period> duration) const {
    return wait_until(detail::deadline_after(std::chrono::steady_clock::now(), duration));
  }
  template <class Rep, class Period>
  Ended wait_for(std::chrono::duration<Rep, Period> duration, std::stop_token token) const {
    return wait_until(detail::deadline_after(std::chrono::steady_clock::now(), duration),
                      std::move(token));
  }
  /// Blocks until the wait ends, or until `deadline`, or until `token` is stopped.
  Ended wait_until(std::chrono::steady_clock::time_point deadline,
                   std::stop_token token = {}) const;

  /// Has `fn` called with how the wait ended (`Ended`, or nothing), once, when it has. It keeps the
  /// wait attached, without a handle, until it has run or was canceled.
  ///
  /// On a local machine it runs on the thread that ended the wait, as soon as that is out of all
  /// transitions, or on the calling thread if the wait has ended already; see `inline_executor`.
  /// On a remote machine it runs on `completion_executor`. It may mutate any machine and attach
  /// further waits; give one that blocks for long an executor of its own. It must not throw: that
  /// ends the program, as in a thread. Throws `Error` (invalid_argument) for an empty
  /// `std::function`.
  template <class F>
  Continuation then(F fn) const {
    return then(inline_executor(), std::move(fn));
  }
  /// The same on `executor`.
  template <class F>
  Continuation then(std::shared_ptr<Executor> executor, F fn) const {
    return attach(std::move(executor), detail::function_of<Ended>(std::move(fn)));
  }

  class Awaiter;
  /// In a coroutine: gives how the wait ended. An `am::Task` goes on on its executor; another kind
  /// of coroutine where `then` without an executor would run.
  Awaiter operator co_await() const;

  /// For the library's other modules: whose wait it is, null for an empty one.
  std::shared_ptr<detail::Core> core() const noexcept;

 private:
  friend Pending<std::size_t> when_any(std::vector<Wait> waits);
  Continuation attach(std::shared_ptr<Executor> executor, std::function<void(Ended)> fn) const;

  internal::WaitState* state_ = nullptr;
};

class Wait::Awaiter {
 public:
  explicit Awaiter(Wait wait) : wait_(std::move(wait)) {}
  bool await_ready() const noexcept { return wait_.done(); }
  template <class Promise>
  [[gnu::noinline]] void await_suspend(std::coroutine_handle<Promise> coroutine) const {
    const auto wait = wait_;  // this may be gone as soon as it is attached
    detail::suspend_until(coroutine, [&](auto executor, auto resume) {
      wait.then(std::move(executor), std::move(resume));
    });
  }
  Ended await_resume() const noexcept { return *wait_.ended(); }

 private:
  Wait wait_;
};

/// Which of `waits` ends first: its position. The others are left as they are. Throws `Error`
/// (invalid_argument) for none at all. Dropping the result lets go of the waits. Any thread.
Pending<std::size_t> when_any(std::vector<Wait> waits);

inline Wait::Awaiter Wait::operator co_await() const { return Awaiter(*this); }

}  // namespace am
