// Threads that are lent out one by one.
#pragma once

#include <am/thread_executor.hpp>

#include <cstddef>
#include <memory>
#include <vector>

namespace am::internal {

/// Executors of one thread each, made when none is free. Guarded by its user, but for `stop`, which
/// works on a copy.
class WorkerThreads {
 public:
  std::shared_ptr<ThreadExecutor> take() {
    if (free_.empty()) {
      free_.push_back(all_.emplace_back(std::make_shared<ThreadExecutor>()));
    }
    auto taken = std::move(free_.back());
    free_.pop_back();
    return taken;
  }
  void give_back(std::shared_ptr<ThreadExecutor> thread) { free_.push_back(std::move(thread)); }
  std::vector<std::shared_ptr<ThreadExecutor>> all() const { return all_; }

 private:
  std::vector<std::shared_ptr<ThreadExecutor>> all_;
  std::vector<std::shared_ptr<ThreadExecutor>> free_;
};

}  // namespace am::internal
