#include <am/poll_executor.hpp>

#include <am/error.hpp>

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

namespace am {

PollExecutor::PollExecutor() : descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (descriptor_ < 0) {
    throw std::system_error(errno, std::generic_category(), "PollExecutor: eventfd");
  }
}

PollExecutor::~PollExecutor() {
  stop();
  ::close(descriptor_);
}

void PollExecutor::post(std::function<void()> fn) {
  if (fn == nullptr) {
    throw Error(Errc::invalid_argument, "PollExecutor: an empty function was posted");
  }
  const std::lock_guard lock(mutex_);
  if (stopped_) return;  // `fn` is a parameter: destroyed after the lock
  queue_.push_back(std::move(fn));
  if (queue_.size() != 1) return;
  const std::uint64_t one = 1;
  // Cannot fail: the counter is 0 or 1, which is far from full.
  [[maybe_unused]] const auto written = ::write(descriptor_, &one, sizeof one);
}

std::vector<std::function<void()>> PollExecutor::take() {
  std::uint64_t count = 0;
  // Nothing to read is fine: somebody else has been here.
  [[maybe_unused]] const auto read = ::read(descriptor_, &count, sizeof count);
  return std::exchange(queue_, {});
}

std::size_t PollExecutor::run_pending() {
  std::vector<std::function<void()>> running;
  {
    const std::lock_guard lock(mutex_);
    running = take();
  }
  [&]() noexcept {
    for (auto& fn : running) {
      fn();
      fn = nullptr;  // what it holds goes with it, not with the last one
    }
  }();
  return running.size();
}

void PollExecutor::stop() {
  std::vector<std::function<void()>> dropped;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    dropped = take();
  }
}

}  // namespace am
