#include <am/thread_executor.hpp>

#include <am/detail/deadline.hpp>
#include <am/error.hpp>

#include <condition_variable>
#include <deque>
#include <utility>

namespace am {

/// Outlives the executor when its thread does.
struct ThreadExecutor::Core {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::function<void()>> queue;
  bool stopping = false;
  bool ended = false;

  void run() noexcept {
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [&] { return stopping || !queue.empty(); });
      if (stopping) break;
      {
        auto fn = std::move(queue.front());
        queue.pop_front();
        lock.unlock();
        fn();
      }
      lock.lock();
    }
    ended = true;
    changed.notify_all();
  }
};

ThreadExecutor::ThreadExecutor()
    : core_(std::make_shared<Core>()), thread_([core = core_] { core->run(); }) {}

ThreadExecutor::~ThreadExecutor() {
  stop();
  if (thread_.joinable()) thread_.detach();
}

void ThreadExecutor::post(std::function<void()> fn) {
  if (fn == nullptr) {
    throw Error(Errc::invalid_argument, "ThreadExecutor: an empty function was posted");
  }
  const std::lock_guard lock(core_->mutex);
  if (core_->stopping) return;  // `fn` is a parameter: destroyed after the lock
  core_->queue.push_back(std::move(fn));
  core_->changed.notify_all();
}

bool ThreadExecutor::stop(std::chrono::milliseconds timeout) {
  const auto deadline = detail::deadline_after(std::chrono::steady_clock::now(), timeout);
  std::deque<std::function<void()>> dropped;
  {
    const std::lock_guard lock(core_->mutex);
    core_->stopping = true;
    dropped.swap(core_->queue);
    core_->changed.notify_all();
  }
  dropped.clear();
  const std::lock_guard thread_lock(thread_mutex_);
  if (!thread_.joinable() || thread_.get_id() == std::this_thread::get_id()) return true;
  {
    std::unique_lock lock(core_->mutex);
    if (!core_->changed.wait_until(lock, deadline, [&] { return core_->ended; })) return false;
  }
  thread_.join();
  return true;
}

std::size_t ThreadExecutor::pending() const {
  const std::lock_guard lock(core_->mutex);
  return core_->queue.size();
}

}  // namespace am
