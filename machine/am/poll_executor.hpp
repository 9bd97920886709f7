// An executor that somebody else's loop pumps.
#pragma once

#include <am/executor.hpp>

#include <cstddef>
#include <functional>
#include <mutex>
#include <vector>

namespace am {

/// Keeps what is posted until a loop of yours runs it: watch `descriptor()` for input (poll, epoll,
/// Asio, Qt), and call `run_pending` when there is some. Holds what was posted, without a limit.
/// All methods may be called from any thread.
class PollExecutor final : public Executor {
 public:
  /// Throws `std::system_error` when there can be no more descriptors.
  PollExecutor();
  /// Destroys what has not run.
  ~PollExecutor() override;
  PollExecutor(const PollExecutor&) = delete;
  PollExecutor& operator=(const PollExecutor&) = delete;

  void post(std::function<void()> fn) override;

  /// Readable while something waits to be run. Owned by the executor; only to be polled.
  int descriptor() const noexcept { return descriptor_; }
  /// Runs what has been posted until now, on the calling thread; what that posts is left for the
  /// next call, so that the loop gets its turn. Returns how many functions ran.
  std::size_t run_pending();
  /// Destroys what has not run, here and from now on.
  void stop();

 private:
  std::vector<std::function<void()>> take();

  const int descriptor_;
  std::mutex mutex_;
  std::vector<std::function<void()>> queue_;
  bool stopped_ = false;
};

}  // namespace am
