// What few machines have: kept apart, so that the many stay small.
#pragma once

#include <am/error_info.hpp>
#include <am/internal/local_core.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace am::detail {

/// Made when an option that is seldom given is given, or a feature that is seldom used is used
/// first. It then lives as long as the core, so a pointer to it may be kept.
struct LocalCore::Extras {
  /// All options but the id.
  const MachineOptions options{};
  /// In place of those in the options, once they are set. Guarded by the core's attach mutex.
  std::optional<std::vector<std::string>> tags{};

  /// Ticks of the machine's timers until which mutations are refused; 0 when none are.
  std::atomic<Timers::Clock::rep> backoff_until{0};

  std::mutex mutex{};
  // Guarded by the mutex:
  std::shared_ptr<const std::function<void(const ErrorInfo&)>> on_internal_error{};
};

}  // namespace am::detail
