// A fixed number of threads that run what is posted.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace file_pipeline {

/// Threads that work for handlers, which must not block. The destructor lets running functions
/// finish and drops those that have not begun.
class ThreadPool {
 public:
  explicit ThreadPool(unsigned threads);
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool();

  /// Runs `function` on one of the threads. It must not throw. Any thread may post; never blocks.
  void post(std::function<void()> function);

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable posted_;
  std::deque<std::function<void()>> queue_;
  bool stopping_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace file_pipeline
