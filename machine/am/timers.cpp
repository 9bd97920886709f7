#include <am/timers.hpp>

#include <am/internal/timer_heap.hpp>

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

namespace am {

namespace {

using internal::TimerHeap;

/// One thread that sleeps on a timerfd, which wakes it more precisely than a condition does.
class SystemTimers final : public Timers {
 public:
  SystemTimers() : descriptor_(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)) {
    if (descriptor_ < 0) {
      throw std::system_error(errno, std::generic_category(), "system_timers: timerfd_create");
    }
    std::thread([this] { run(); }).detach();  // these timers are never destroyed
  }

  Clock::time_point now() const override { return Clock::now(); }

  TimerId at(Clock::time_point due, std::function<void()> fn,
             std::shared_ptr<Executor> executor) override {
    // Not on this thread, which would be late for others.
    if (executor == nullptr || executor == inline_executor()) executor = completion_executor();
    const std::lock_guard lock(mutex_);
    const auto id = heap_.push(due, std::move(fn), std::move(executor));
    if (!armed_ || due < *armed_) arm(due);
    return id;
  }

  bool cancel(TimerId id) override {
    std::optional<TimerHeap::Due> canceled;  // destroyed without the lock
    const std::lock_guard lock(mutex_);
    canceled = heap_.take(id);
    return canceled.has_value();
  }

 private:
  /// std::chrono::steady_clock is CLOCK_MONOTONIC here, so its times need no conversion.
  void arm(Clock::time_point due) noexcept {
    using std::chrono::nanoseconds;
    // 0 would disarm it; what is due already is as well due 1 ns after the clock began.
    const auto since = std::max(nanoseconds(due.time_since_epoch()), nanoseconds{1}).count();
    itimerspec spec{};
    spec.it_value.tv_sec = static_cast<std::time_t>(since / 1'000'000'000);
    spec.it_value.tv_nsec = static_cast<long>(since % 1'000'000'000);
    ::timerfd_settime(descriptor_, TFD_TIMER_ABSTIME, &spec, nullptr);
    armed_ = due;
  }

  [[noreturn]] void run() noexcept {
    while (true) {
      std::uint64_t expirations = 0;
      // Whatever it says, looking at the heap is right.
      [[maybe_unused]] const auto size = ::read(descriptor_, &expirations, sizeof expirations);
      while (auto due = next()) hand_over(*due);
    }
  }

  /// An executor that throws must not end everybody's timers.
  static void hand_over(TimerHeap::Due& due) {
    try {
      due.executor->post(due.fn);
    } catch (...) {
      completion_executor()->post(std::move(due.fn));
    }
  }

  std::optional<TimerHeap::Due> next() {
    const std::lock_guard lock(mutex_);
    if (auto due = heap_.pop(Clock::now())) return due;
    armed_.reset();
    if (const auto first = heap_.first()) arm(*first);
    return std::nullopt;
  }

  const int descriptor_;
  std::mutex mutex_;
  TimerHeap heap_;
  std::optional<Clock::time_point> armed_;
};

}  // namespace

const std::shared_ptr<Timers>& system_timers() {
  // Never destroyed: its thread goes on until the process ends.
  static const auto& timers = *new std::shared_ptr<Timers>(std::make_shared<SystemTimers>());
  return timers;
}

}  // namespace am
