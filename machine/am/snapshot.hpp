// Clocks of a machine as a value, to be kept and given back later.
#pragma once

#include <am/tick.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace am {

/// What `Machine::save` returns and `Machine::restore` takes. Restoring needs the same id and the
/// same states, in any order.
struct Snapshot {
  /// The longest text that `from_text` reads, in bytes: the largest machine with the largest ticks.
  static constexpr std::size_t max_text = std::size_t{2} * 1024 * 1024;

  std::string id{};                  ///< of the machine
  std::vector<std::string> names{};  ///< of all states, in index order
  Time time{};                       ///< their ticks, in the same order
  QueueTick queue_tick{};            ///< informative: a machine counts on from its own
  MachineTick machine_tick{};

  /// One line for each member and state, and their number; what is not printable in the id is
  /// escaped.
  std::string to_text() const;
  /// Reads what `to_text` wrote. Throws `Error` (invalid_argument) for anything else, also for a
  /// part of it, naming the line.
  static Snapshot from_text(std::string_view text);

  friend bool operator==(const Snapshot&, const Snapshot&) = default;
};

}  // namespace am
