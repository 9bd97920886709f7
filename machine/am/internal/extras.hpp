// What few machines have: kept apart, so that the many stay small.
#pragma once

#include <am/internal/local_core.hpp>

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
};

}  // namespace am::detail
