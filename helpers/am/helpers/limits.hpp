// How long helpers wait.
#pragma once

#include <am/duration.hpp>
#include <am/timers.hpp>

#include <chrono>
#include <memory>
#include <stop_token>

namespace am {

/// When to give up waiting. The default never does: there is no hidden timeout.
struct Limits {
  Duration timeout = forever;
  std::stop_token stop{};
  /// What timeouts and pauses of the forms that do not block go by; those of the first machine
  /// when null. Blocking forms count real time.
  std::shared_ptr<Timers> timers{};

  std::chrono::steady_clock::time_point deadline() const noexcept {
    return detail::deadline_after(std::chrono::steady_clock::now(), timeout.get());
  }
};

}  // namespace am
