// An executor for the library's own small steps.
#pragma once

#include <am/executor.hpp>

namespace am::internal {

/// Runs what is posted in place, also within a transition: only for functions that do no more than
/// count and signal. It saves the wake-up of a thread that would do just that.
class DirectExecutor final : public Executor {
 public:
  void post(std::function<void()> fn) override { fn(); }

  /// Never destroyed, like the machine's own executors: threads that go on while static objects go
  /// may still use it.
  static const std::shared_ptr<Executor>& instance() {
    static const auto& executor =
        *new std::shared_ptr<Executor>(std::make_shared<DirectExecutor>());
    return executor;
  }
};

}  // namespace am::internal
