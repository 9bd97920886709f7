// The threads that turn a transport: wait for a socket, wakes and deadlines, and dispatch.
#pragma once

#include <am/rpc/internal/transport/alarm.hpp>
#include <am/rpc/internal/transport/arrival.hpp>
#include <am/rpc/internal/transport/lead.hpp>
#include <am/rpc/internal/transport/types.hpp>
#include <am/rpc/internal/transport/wake_signal.hpp>
#include <am/rpc/internal/transport/watch.hpp>

#include <sys/types.h>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

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

  // -- work that is left by a turn, because it may take long -------------------------------------

  virtual bool has_work() const noexcept { return false; }
  /// Takes the first piece and does it. Called by the thread that leads, outside of a turn. From
  /// `Loop::inside` on another thread may take the lead, and call any of these.
  virtual void work() noexcept {}
  /// Sends what the work has come to. As a turn.
  virtual void after_work() noexcept {}
};

/// Runs a body until it is stopped. Who touches the socket is decided here alone: `turn_mutex_`
/// makes it one thread at a time, and is the fence that a ZeroMQ socket needs to change threads.
///
/// **The loop's own thread** sleeps on the socket and turns it. Two things take the socket from it:
///
/// **A thread that waits for an answer** (`await`) turns the loop itself until the answer is there,
/// if nobody else waits: it saves waking another thread twice. Meanwhile the loop's own thread does
/// not look at the socket, so that a frame wakes one thread only. If others wait too, they leave
/// the socket to the loop's own thread, which then does the work of all in batches.
///
/// **A stand-by** takes over when the thread that leads is inside one piece of work for some 100 to
/// 400 us (`LoopBody::work`): work that takes long delays nothing else. The former leader finds out
/// when its work is done, and becomes a stand-by. The first one is started with the first work, and
/// others while all are busy, up to `most_threads` in all.
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
  void wake() noexcept;

  /// Waits until a turn has brought `arrival`, or for `deadline`; counts as a `wake`. The calling
  /// thread may become the one that turns, so its stack is where handler calls come from. Any
  /// thread that keeps this object alive, but not from inside a turn.
  void await(Arrival& arrival, TransportTime deadline) noexcept;

  /// By the thread that is in `LoopBody::work`: from here on, another thread may take the lead.
  void inside() noexcept { lead_.inside(); }

  /// True inside a turn of this loop that the calling thread makes.
  bool in_turn() const noexcept {
    return turning_.load(std::memory_order_relaxed) == std::this_thread::get_id();
  }
  /// True on the threads that this loop has started.
  bool on_own_thread() const noexcept;
  /// True when the calling thread leads, so that it will turn before it sleeps: no wake is needed.
  bool on_leading_thread() const noexcept;

  /// Before the body closes one of its descriptors; in a turn.
  void forget_descriptors() noexcept { watch_.forget(); }

  /// Any thread but the loop's own and one in a turn, where it throws `Error` (would_deadlock).
  /// Ends the threads, or, when none was started, closes the body. False when they have not ended
  /// within `timeout`.
  bool stop(std::chrono::milliseconds timeout);

  /// For destructors: `stop`, and if that fails, leaves the threads to themselves: they end after
  /// the calls that they are in. Never throws; where `stop` would, it does not wait either.
  void stop_or_abandon(std::chrono::milliseconds timeout) noexcept;

  /// True once a stop was asked for: the body makes no further handler calls.
  bool stopping() const noexcept { return stopping_.load(std::memory_order_relaxed); }

  /// True in a child process that inherited this object over fork(): its thread does not exist.
  bool forked() const noexcept;

  static constexpr unsigned most_threads = 16;

 private:
  void start_thread(std::shared_ptr<void> keep_alive);
  void run(unsigned thread, const std::shared_ptr<void>& keep_alive) noexcept;
  void end_thread() noexcept;
  void pump(unsigned thread, const std::shared_ptr<void>& keep_alive) noexcept;
  bool sleep() noexcept;
  void turn(bool woken) noexcept;
  template <class Call>
  void have_turn(Call&& call) noexcept;

  // -- a waiting thread that turns (loop_await.cpp) ----------------------------------------------

  void lead(Arrival& arrival, TransportTime deadline) noexcept;
  void give_back(bool woken) noexcept;

  // -- work that may take long (loop_work.cpp) ---------------------------------------------------

  bool do_work(unsigned thread, const std::shared_ptr<void>& keep_alive) noexcept;
  void stand_by(unsigned thread, const std::shared_ptr<void>& keep_alive) noexcept;
  void see_to_stand_by(const std::shared_ptr<void>& keep_alive) noexcept;

  LoopBody& body_;
  WakeSignal signal_;  // the loop's own thread sleeps on this
  Watch watch_;        // guarded by turn_mutex_, but for its descriptor
  std::mutex turn_mutex_;
  bool closed_ = false;                        // guarded by turn_mutex_
  bool may_sleep_ = false;                     // guarded by turn_mutex_
  TransportTime next_deadline_ = no_deadline;  // guarded by turn_mutex_
  TransportTime sleeps_until_ = no_deadline;   // the loop's own thread; guarded by turn_mutex_
  std::atomic<std::thread::id> turning_{};

  WakeSignal caller_signal_;          // a thread that waits for an answer sleeps on this
  std::atomic<bool> led_{false};      // by such a thread
  std::atomic<unsigned> waiting_{0};  // threads in `await`

  Lead lead_;
  Alarm alarm_;
  TransportTime alarm_at_{};              // by the leader
  std::mutex stand_by_mutex_;             // held by the stand-by that waits for the alarm
  std::atomic<unsigned> standing_by_{0};  // threads that neither lead nor are inside work

  std::atomic<bool> stopping_{false};
  std::mutex mutex_;  // what follows, and joining
  std::condition_variable ended_changed_;
  std::string name_;
  bool started_ = false;
  bool ended_ = false;
  unsigned running_ = 0;
  std::vector<std::thread> threads_;
  pid_t owner_;
};

/// Under `turn_mutex_`.
template <class Call>
void Loop::have_turn(Call&& call) noexcept {
  if (closed_) return;
  turning_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  call();
  may_sleep_ = body_.may_sleep();
  next_deadline_ = body_.next_deadline();
  watch_.set(body_.descriptors());
  turning_.store(std::thread::id{}, std::memory_order_relaxed);
}

/// The end of the transport that has `core`, for its destructor. Never throws and never hangs;
/// `core` stays where it is, as handler calls that are under way use it.
template <class Core>
void end(const std::shared_ptr<Core>& core, std::chrono::milliseconds timeout) {
  if (core->loop().forked()) {
    // Nothing can be closed here without threads that exist in the parent only.
    new std::shared_ptr<Core>(core);
  } else {
    core->loop().stop_or_abandon(timeout);
  }
}

/// Sleeps until one of two descriptors is readable or `deadline` has passed; true when the first
/// is.
bool poll_until(int first, int second, TransportTime deadline) noexcept;

}  // namespace am::rpc::internal
