// Durations of options and helpers: any unit, no overflow.
#pragma once

#include <am/detail/deadline.hpp>

#include <chrono>
#include <compare>

namespace am {

/// "No limit", of a timeout or of any other duration: longer than any clock counts.
inline constexpr std::chrono::nanoseconds forever = std::chrono::nanoseconds::max();

/// Nanoseconds, made of a duration in any unit: what is longer than they can count (292 years, so
/// also `std::chrono::milliseconds::max()`) is `forever`, where the conversion of the standard
/// library overflows. Fractions are rounded up. A value: any thread.
class Duration {
 public:
  constexpr Duration() noexcept = default;
  template <class Rep, class Period>
  constexpr Duration(std::chrono::duration<Rep, Period> duration) noexcept
      : value_(fit(duration)) {}

  constexpr std::chrono::nanoseconds get() const noexcept { return value_; }
  constexpr operator std::chrono::nanoseconds() const noexcept { return value_; }

  friend constexpr auto operator<=>(Duration, Duration) noexcept = default;

 private:
  template <class Rep, class Period>
  static constexpr std::chrono::nanoseconds fit(
      std::chrono::duration<Rep, Period> duration) noexcept {
    using std::chrono::nanoseconds;
    using Seconds = std::chrono::duration<double>;
    if (duration >= duration.zero()) return detail::saturated(duration);
    if (Seconds(duration) <= Seconds(nanoseconds::min())) return nanoseconds::min();
    return std::chrono::ceil<nanoseconds>(duration);
  }

  std::chrono::nanoseconds value_{0};
};

}  // namespace am
