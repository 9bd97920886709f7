// An executor with a thread of its own.
#pragma once

#include <am/executor.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace am {

/// Runs what is posted in order, on one thread that it starts. Holds what was posted, without a
/// limit. All methods may be called from any thread.
///
///     const auto worker = std::make_shared<am::ThreadExecutor>();
///     machine.when("Ready").then(worker, [] { ... });
class ThreadExecutor final : public Executor {
 public:
  /// Throws `std::system_error` when there can be no more threads.
  ThreadExecutor();
  /// Stops, with the default deadline. A function that still runs after that is left alone with
  /// its thread.
  ~ThreadExecutor() override;
  ThreadExecutor(const ThreadExecutor&) = delete;
  ThreadExecutor& operator=(const ThreadExecutor&) = delete;

  void post(std::function<void()> fn) override;

  /// Destroys what has not begun, here and from now on, and waits for what runs; not for itself
  /// when called on the executor's own thread. Returns false when a function still ran at the
  /// deadline. Repeated calls are harmless.
  bool stop(std::chrono::milliseconds timeout = std::chrono::seconds{2});
  /// Functions that wait for their turn.
  std::size_t pending() const;

 private:
  struct Core;

  std::shared_ptr<Core> core_;
  std::mutex thread_mutex_;
  std::thread thread_;
};

}  // namespace am
