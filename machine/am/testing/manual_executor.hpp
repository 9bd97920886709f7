// An executor that runs what a test tells it to.
#pragma once

#include <am/executor.hpp>

#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <utility>

namespace am {

/// Keeps what is posted until a test runs it, in order, on the test's thread. All methods may be
/// called from any thread.
class ManualExecutor final : public Executor {
 public:
  void post(std::function<void()> fn) override {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(fn));
  }

  /// Runs the oldest function; false when there is none.
  bool run_one() {
    std::function<void()> fn;
    {
      const std::lock_guard lock(mutex_);
      if (queue_.empty()) return false;
      fn = std::move(queue_.front());
      queue_.pop_front();
    }
    fn();
    return true;
  }
  /// Runs what is there and what that posts, until nothing is left or `limit` functions have run.
  /// Returns how many ran.
  std::size_t run_all(std::size_t limit = 1000) {
    std::size_t count = 0;
    while (count < limit && run_one()) ++count;
    return count;
  }
  /// Functions that have not run.
  std::size_t pending() const {
    const std::lock_guard lock(mutex_);
    return queue_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::deque<std::function<void()>> queue_;
};

}  // namespace am
