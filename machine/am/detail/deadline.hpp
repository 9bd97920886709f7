// Points in time that cannot overflow.
#pragma once

#include <chrono>

namespace am::detail {

/// "Never": a deadline that does not come.
inline constexpr auto never = std::chrono::steady_clock::time_point::max();

/// `from` + `wait`, at most `never`; `from` for a negative `wait`. Any unit: what is longer than
/// the clock can count is never. O(1).
template <class Rep, class Period>
constexpr std::chrono::steady_clock::time_point deadline_after(
    std::chrono::steady_clock::time_point from, std::chrono::duration<Rep, Period> wait) noexcept {
  using Seconds = std::chrono::duration<double>;
  if (wait <= wait.zero()) return from;
  // In floating point first: the conversion to nanoseconds is what overflows. A second of margin
  // makes up for its rounding.
  if (Seconds(wait) + std::chrono::seconds{1} >= Seconds(never - from)) return never;
  return from + std::chrono::ceil<std::chrono::steady_clock::duration>(wait);
}

/// `wait` in the clock's unit: at most what that can count, and not less than nothing. O(1).
template <class Rep, class Period>
constexpr std::chrono::steady_clock::duration saturated(
    std::chrono::duration<Rep, Period> wait) noexcept {
  return deadline_after(std::chrono::steady_clock::time_point{}, wait).time_since_epoch();
}

}  // namespace am::detail
