// Points in time that cannot overflow.
#pragma once

#include <chrono>

namespace am::rpc::internal {

/// `from` + `wait`, at most `TimePoint::max()`, which stands for "never". O(1).
constexpr std::chrono::steady_clock::time_point deadline_after(
    std::chrono::steady_clock::time_point from, std::chrono::nanoseconds wait) noexcept {
  using TimePoint = std::chrono::steady_clock::time_point;
  if (wait.count() < 0) return from;
  return from > TimePoint::max() - wait ? TimePoint::max() : from + wait;
}

}  // namespace am::rpc::internal
