// How long helpers wait.
#pragma once

#include <am/detail/deadline.hpp>
#include <am/timers.hpp>

#include <chrono>
#include <memory>
#include <stop_token>

namespace am {

/// "No limit", of a timeout or of any other duration of helpers: longer than any clock counts. They
/// take nanoseconds, so nothing longer than 292 years can be said: `milliseconds::max()` overflows
/// on its way there, and is not the same.
inline constexpr std::chrono::nanoseconds forever = std::chrono::nanoseconds::max();

/// When to give up waiting. The default never does: there is no hidden timeout.
struct Limits {
  std::chrono::nanoseconds timeout = forever;
  std::stop_token stop{};
  /// What timeouts and pauses of the forms that do not block go by; those of the first machine
  /// when null. Blocking forms count real time.
  std::shared_ptr<Timers> timers{};

  std::chrono::steady_clock::time_point deadline() const noexcept {
    return detail::deadline_after(std::chrono::steady_clock::now(), timeout);
  }
};

}  // namespace am
