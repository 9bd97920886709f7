// How much a machine says.
#pragma once

#include <cstdint>

namespace am {

/// Each level says what those above it say, too.
enum class LogLevel : std::uint8_t {
  nothing,
  external,    ///< what the program says itself (`Machine::log`)
  changes,     ///< states that come and go, errors
  operations,  ///< mutations, handlers, refusals, waits
  decisions,   ///< automatic mutations, and what relations kept out
  everything,
};

/// `nothing`, `external`, `changes`, `ops`, `decisions`, `everything`.
const char* to_string(LogLevel level) noexcept;

/// The level that the environment variable `AM_LOG` asks for, a number from 0 to 5; nothing when it
/// is not set. Throws `Error` (invalid_argument) for anything else.
LogLevel log_level_from_environment();

}  // namespace am
