// An executor for the library's own small steps.
#pragma once

#include <am/executor.hpp>

namespace am::internal {

/// Runs what is posted in place, also within a transition: only for functions that do no more than
/// count and signal. It saves the wake-up of a thread that would do just that.
class DirectExecutor final : public Executor {
 public:
  void post(std::function<void()> fn) override { fn(); }

  static const std::shared_ptr<Executor>& instance() {
    static const std::shared_ptr<Executor> executor = std::make_shared<DirectExecutor>();
    return executor;
  }
};

}  // namespace am::internal
