// Handlers on a thread of the machine's own: a call that outlives whoever waits for it.
#pragma once

#include <am/event.hpp>
#include <am/internal/call_limit.hpp>
#include <am/internal/drain_scope.hpp>
#include <am/internal/handler_table.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace am::detail {

/// One call of one handler, and all that the handler may touch: the thread that waits for it may
/// give up, and the machine may be gone when the handler returns.
class LocalCore::PostedCall {
 public:
  /// By the drainer. `limit` begins to count.
  PostedCall(LocalCore& core, const internal::Frame& frame, internal::HandlerKey key,
             std::shared_ptr<const HandlerFunction> function, Duration limit);

  /// Calls the handler. By the handler thread, once.
  void run();

  // By the drainer:

  /// Waits for the handler; false when it is still running at `deadline`.
  bool wait_until(std::chrono::steady_clock::time_point deadline);
  /// Gives the handler up unless it has returned. With the queue's mutex held.
  bool abandon();

  // Once the handler has returned:

  bool accepted() const noexcept { return accepted_; }
  /// It took longer than its limit.
  bool late() const noexcept { return late_; }
  const std::exception_ptr& thrown() const noexcept { return thrown_; }
  /// Of the handler's thread; the drainer's to take over.
  DrainScope& scope() noexcept { return scope_; }
  internal::CallLimit& limit() noexcept { return limit_; }

 private:
  void finish_abandoned();

  // What the transition refers to is kept here.
  std::shared_ptr<LocalCore> core_;
  std::shared_ptr<const HandlerFunction> function_;
  internal::HandlerKey key_;
  CompiledSchema schema_;
  Args args_;
  internal::Source source_;
  std::vector<StateIndex> called_;
  std::vector<StateIndex> before_;
  std::vector<StateIndex> targets_;
  Transition transition_;
  internal::CallLimit limit_;
  std::atomic<bool> abandoned_{false};
  DrainScope scope_;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool finished_ = false;
  bool accepted_ = false;
  bool late_ = false;
  std::exception_ptr thrown_{};
};

/// The thread that runs the handlers of one machine, one at a time.
class LocalCore::HandlerThread {
 public:
  HandlerThread();
  /// Waits for the thread, which is idle, unless its handler was abandoned.
  ~HandlerThread();
  HandlerThread(const HandlerThread&) = delete;
  HandlerThread& operator=(const HandlerThread&) = delete;

  void post(std::shared_ptr<PostedCall> call);
  /// Its handler does not return in time: the thread ends when it does.
  void abandon() noexcept { abandoned_ = true; }

 private:
  struct Work;

  std::shared_ptr<Work> work_;
  bool abandoned_ = false;
  std::thread thread_;
};

}  // namespace am::detail
