// The thread that turns a transport: waits for a socket, wakes and deadlines, and dispatches.
#pragma once

#include <am/rpc/internal/transport/types.hpp>
#include <am/rpc/internal/transport/wake_signal.hpp>

#include <sys/types.h>
#include <array>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <thread>

namespace am::rpc::internal {

/// What a loop turns. All calls come from the thread that has the turn, one at a time.
class LoopBody {
 public:
  virtual ~LoopBody() = default;

  /// Descriptors that become readable when there is work: the socket's and its monitor's; -1: none.
  virtual std::array<int, 2> descriptors() const noexcept = 0;
  /// False when there is work already. A ZeroMQ descriptor is edge triggered, and any use of the
  /// socket may swallow the edge: after true, the descriptors tell the truth until the next turn.
  virtual bool may_sleep() noexcept = 0;
  virtual TransportTime next_deadline() noexcept = 0;
  /// Does the work that there is, but only a bounded share of it. `woken`: a wake came.
  virtual void turn(bool woken) noexcept = 0;
  /// The last call: closes the sockets and lets go of the handler.
  virtual void close() noexcept = 0;
};

/// Runs a body on a thread of its own until it is stopped.
///
/// Who polls the socket is decided here alone. A pump has two halves: `wait` only looks at
/// descriptors, so any number of threads may be in it; `turn` touches the socket and runs under
/// `turn_mutex_`, which is also the fence that a ZeroMQ socket needs to change threads. For a
/// calling thread to lead (send, then pump until its answer is there) the rules are:
///   * it sends and turns under the mutex, and lets go of it while it waits;
///   * it evaluates `may_sleep` under the mutex, after its last send;
///   * the loop's own thread must meanwhile watch the wake descriptor only, else each frame wakes
///   two
///     threads; it goes back to all three when no thread has led for a while;
///   * handler calls then come from any thread that leads, still one at a time.
class Loop {
 public:
  /// Throws `std::system_error` when the process is out of descriptors.
  explicit Loop(LoopBody& body);
  ~Loop();
  Loop(Loop&&) = delete;
  Loop& operator=(Loop&&) = delete;

  /// Calls `prepare`, then starts the thread, which owns `keep_alive` until it ends. Once only:
  /// throws `Error` (invalid_argument) before `prepare` for a second start, and one after `stop`.
  /// `name` is what debuggers show, at most 15 characters.
  void start(std::shared_ptr<void> keep_alive, std::string_view name,
             const std::function<void()>& prepare);

  /// Any thread; see `WakeSignal`.
  void wake() noexcept { signal_.wake(); }

  /// Any thread but the loop's own, where it throws `Error` (would_deadlock). Ends the thread, or,
  /// when it was never started, closes the body. False when it has not ended within `timeout`.
  bool stop(std::chrono::milliseconds timeout);

  /// For destructors: `stop`, and if that fails, leaves the thread to itself: it ends after the
  /// handler call that it is in. Never throws; on the loop's own thread it does not wait either.
  void stop_or_abandon(std::chrono::milliseconds timeout) noexcept;

  /// True once a stop was asked for: the body makes no further handler calls.
  bool stopping() const noexcept { return stopping_.load(std::memory_order_relaxed); }

  /// True in a child process that inherited this object over fork(): its thread does not exist.
  bool forked() const noexcept;

 private:
  void run() noexcept;
  void pump(TransportTime deadline) noexcept;
  bool wait(TransportTime deadline) noexcept;

  LoopBody& body_;
  WakeSignal signal_;
  std::mutex turn_mutex_;
  bool may_sleep_ = false;                     // guarded by turn_mutex_
  TransportTime next_deadline_ = no_deadline;  // guarded by turn_mutex_

  std::atomic<bool> stopping_{false};
  std::atomic<std::thread::id> loop_thread_{};
  std::mutex mutex_;  // what follows, and joining
  std::condition_variable ended_changed_;
  bool started_ = false;
  bool ended_ = false;
  std::thread thread_;
  pid_t owner_;
};

}  // namespace am::rpc::internal
