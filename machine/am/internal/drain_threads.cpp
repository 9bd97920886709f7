#include <am/internal/drain_threads.hpp>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace am::internal {

namespace {

/// How long a thread waits for more to do before it ends.
constexpr std::chrono::seconds patience{10};

class DrainThreads {
 public:
  bool post(std::function<void()> fn) {
    const std::lock_guard lock(mutex_);
    if (jobs_.size() == free_ && !start()) return false;
    jobs_.push_back(std::move(fn));
    changed_.notify_one();
    return true;
  }

 private:
  /// Starts one more. With the mutex held.
  bool start() {
    if (threads_ == most_drain_threads) return false;
    try {
      std::thread([this] { run(); }).detach();  // these threads are never destroyed
    } catch (const std::system_error&) {
      return false;
    }
    ++threads_;
    ++free_;
    return true;
  }

  void run() noexcept {
    std::unique_lock lock(mutex_);
    while (changed_.wait_for(lock, patience, [&] { return !jobs_.empty(); })) {
      auto fn = std::move(jobs_.front());
      jobs_.pop_front();
      --free_;
      lock.unlock();
      fn();
      fn = nullptr;
      lock.lock();
      ++free_;
    }
    --free_;
    --threads_;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> jobs_;  ///< never more than threads are free
  std::size_t free_ = 0;
  unsigned threads_ = 0;
};

}  // namespace

bool run_on_drain_thread(std::function<void()> fn) {
  static auto& threads = *new DrainThreads;  // never destroyed: its threads may run to the very end
  return threads.post(std::move(fn));
}

}  // namespace am::internal
