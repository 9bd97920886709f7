#include <am/internal/posted_call.hpp>

#include <am/internal/handler_table.hpp>

#include <fmt/format.h>

#include <utility>

namespace am::detail {

using internal::Frame;
using internal::HandlerKey;

// -- the call -------------------------------------------------------------------------

LocalCore::PostedCall::PostedCall(LocalCore& core, const Frame& frame, HandlerKey key,
                                  std::shared_ptr<const HandlerFunction> function, Duration limit)
    : core_(std::static_pointer_cast<LocalCore>(core.shared_from_this())),
      function_(std::move(function)),
      key_(key),
      schema_(*frame.transition.schema),
      args_(frame.mutation.args),
      source_(frame.mutation.source),
      called_(frame.transition.called.begin(), frame.transition.called.end()),
      before_(frame.transition.before.begin(), frame.transition.before.end()),
      targets_(frame.transition.targets.begin(), frame.transition.targets.end()),
      transition_(frame.transition),
      limit_(CLOCK_MONOTONIC, limit),
      scope_(core) {
  transition_.schema = &schema_;
  transition_.args = &args_;
  transition_.source = source_.view();
  transition_.called = called_;
  transition_.before = before_;
  transition_.targets = targets_;
  scope_.transition = &transition_;
  scope_.note_time();
  scope_.is_abandoned = &abandoned_;
  scope_.beyond = DrainScope::all_busy();
  if (const auto* drainer = DrainScope::of(core)) scope_.completion = drainer->completion;
}

void LocalCore::PostedCall::run() {
  bool accepted = false;
  std::exception_ptr thrown;
  {
    const DrainScope::Enter entered(scope_);
    Event event(*core_, transition_, key_.kind, key_.state, key_.second, &limit_);
    try {
      accepted = (*function_)(event);
    } catch (...) {
      thrown = std::current_exception();
    }
  }
  const bool late = limit_.passed();
  {
    std::unique_lock lock(mutex_);
    if (!abandoned_.load(std::memory_order_relaxed)) {
      // The drainer has the machine: this thread must not be the last to let go of it.
      core_.reset();
      function_.reset();
      accepted_ = accepted;
      late_ = late;
      thrown_ = std::move(thrown);
      finished_ = true;
      changed_.notify_all();
      return;
    }
  }
  finish_abandoned();
}

void LocalCore::PostedCall::finish_abandoned() {
  scope_.completion.reset();
  scope_.hand_over();
  auto name = internal::handler_name(*transition_.schema, key_.kind, key_.state, key_.second);
  core_->log(LogLevel::operations,
             [&] { return fmt::format("[error] deadlined handler finished: {}", name); });
  core_->tell_internal_error({"a handler that was abandoned has returned", std::move(name)});
}

bool LocalCore::PostedCall::wait_until(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, deadline, [&] { return finished_; });
}

bool LocalCore::PostedCall::abandon() {
  const std::lock_guard lock(mutex_);
  if (finished_) return false;
  abandoned_.store(true, std::memory_order_release);
  return true;
}

// -- the thread -----------------------------------------------------------------------

/// Outlives the machine when a handler does.
struct LocalCore::HandlerThread::Work {
  std::mutex mutex;
  std::condition_variable changed;
  std::shared_ptr<PostedCall> next;
  bool stopping = false;

  void run() {
    while (true) {
      std::shared_ptr<PostedCall> call;
      {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return stopping || next != nullptr; });
        if (next == nullptr) return;
        call = std::move(next);
        next = nullptr;
      }
      call->run();
    }
  }
};

LocalCore::HandlerThread::HandlerThread()
    : work_(std::make_shared<Work>()), thread_([work = work_] { work->run(); }) {}

LocalCore::HandlerThread::~HandlerThread() {
  {
    const std::lock_guard lock(work_->mutex);
    work_->stopping = true;
    work_->changed.notify_all();
  }
  if (abandoned_ || thread_.get_id() == std::this_thread::get_id()) {
    thread_.detach();
  } else {
    thread_.join();
  }
}

void LocalCore::HandlerThread::post(std::shared_ptr<PostedCall> call) {
  const std::lock_guard lock(work_->mutex);
  work_->next = std::move(call);
  work_->changed.notify_all();
}

}  // namespace am::detail
