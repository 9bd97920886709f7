// What a coroutine leaves behind while it waits.
#pragma once

#include <am/executor.hpp>

#include <concepts>
#include <coroutine>
#include <functional>
#include <memory>
#include <utility>

namespace am::detail {

/// What all coroutines of one spawned task share.
class TaskContext {
 public:
  explicit TaskContext(std::shared_ptr<Executor> executor) : executor_(std::move(executor)) {}
  virtual ~TaskContext() = default;
  TaskContext(const TaskContext&) = delete;
  TaskContext& operator=(const TaskContext&) = delete;

  const std::shared_ptr<Executor>& executor() const noexcept { return executor_; }
  /// The task has run to its end.
  virtual void finished() = 0;
  /// Its executor will not run it any more: destroys it.
  virtual void abandon() noexcept = 0;

 private:
  std::shared_ptr<Executor> executor_;
};

struct TaskPromiseBase {
  std::shared_ptr<TaskContext> context{};
  std::coroutine_handle<> continuation{};
};

/// A suspended coroutine on its way through an executor. When that drops it, the task is abandoned.
class Resumption {
 public:
  Resumption(std::coroutine_handle<> coroutine, std::shared_ptr<TaskContext> context)
      : coroutine_(coroutine), context_(std::move(context)) {}
  ~Resumption() {
    if (coroutine_ && context_ != nullptr) context_->abandon();
  }
  Resumption(const Resumption&) = delete;
  Resumption& operator=(const Resumption&) = delete;

  void resume() { std::exchange(coroutine_, {}).resume(); }
  /// It was not to be suspended after all, and runs.
  void let_go() noexcept { coroutine_ = {}; }

 private:
  std::coroutine_handle<> coroutine_;
  std::shared_ptr<TaskContext> context_;
};

struct Suspended {
  std::shared_ptr<Executor> executor;
  std::function<void()> resume;
  std::shared_ptr<Resumption> resumption;
};

/// Awaiters that call this must not be inlined into the coroutine: clang before 17 would keep their
/// locals in its frame, which may be gone by the time they return.
///
/// How to go on with `coroutine`: a task on its executor, one of another library inline.
template <class Promise>
Suspended suspend(std::coroutine_handle<Promise> coroutine) {
  std::shared_ptr<TaskContext> context;
  if constexpr (std::derived_from<Promise, TaskPromiseBase>) context = coroutine.promise().context;
  auto executor = context != nullptr ? context->executor() : inline_executor();
  const auto resumption = std::make_shared<Resumption>(coroutine, std::move(context));
  return {std::move(executor), [resumption] { resumption->resume(); }, resumption};
}

/// Calls `attach` with the executor and what goes on with `coroutine`. When that throws, the
/// coroutine gets the exception: nobody else may end it for having been dropped on the way.
template <class Promise, class Attach>
void suspend_until(std::coroutine_handle<Promise> coroutine, Attach&& attach) {
  auto suspended = suspend(coroutine);
  const auto resumption = suspended.resumption;
  try {
    std::forward<Attach>(attach)(std::move(suspended.executor), std::move(suspended.resume));
  } catch (...) {
    resumption->let_go();
    throw;
  }
}

}  // namespace am::detail
