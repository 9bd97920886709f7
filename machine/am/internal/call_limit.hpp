// How long a handler may take.
#pragma once

#include <am/detail/deadline.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <ctime>

namespace am::internal {

/// The end of one handler call, as the handler and the thread that called it see it.
class CallLimit {
 public:
  /// `clock`: CLOCK_MONOTONIC, or CLOCK_MONOTONIC_COARSE, which costs less and is some milliseconds
  /// behind.
  CallLimit(clockid_t clock, std::chrono::nanoseconds limit) noexcept
      : clock_(clock),
        due_(detail::deadline_after(
                 std::chrono::steady_clock::time_point(std::chrono::nanoseconds(now())), limit)
                 .time_since_epoch()
                 .count()) {}

  bool passed() const noexcept { return passed_.load(std::memory_order_acquire) || now() >= due_; }
  /// Whoever waits for it has seen it pass by a clock of its own.
  void pass() noexcept { passed_.store(true, std::memory_order_release); }

 private:
  std::int64_t now() const noexcept {
    timespec now{};
    ::clock_gettime(clock_, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
  }

  clockid_t clock_;
  std::int64_t due_;
  std::atomic<bool> passed_{false};
};

}  // namespace am::internal
