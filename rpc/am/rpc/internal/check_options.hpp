// Options of servers and clients are checked where they are given.
#pragma once

#include <am/error.hpp>
#include <am/rpc/internal/transport/endpoint.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

namespace am::rpc::internal {

/// Longer durations mean the same and do not overflow in finer units.
inline constexpr std::chrono::milliseconds longest_duration = std::chrono::hours{24 * 365};

/// The smallest limit for frames that still lets a handshake through.
inline constexpr std::size_t min_frame_limit = 1024;

enum class Zero { allowed, refused };

/// `value`, at most `longest_duration`. Throws `Error` (invalid_argument) for one that is negative,
/// or zero where that is refused.
inline std::chrono::milliseconds checked_duration(std::string_view option,
                                                  std::chrono::milliseconds value, Zero zero) {
  if (value.count() < 0 || (value.count() == 0 && zero == Zero::refused)) {
    throw Error(Errc::invalid_argument,
                fmt::format("{} is {} ms: it has to be {}", option, value.count(),
                            zero == Zero::refused ? "positive" : "zero or positive"));
  }
  return std::min(value, longest_duration);
}

/// Caps both; throws `Error` (invalid_argument) for heartbeats whose answer nobody could give in
/// time.
inline void check_heartbeat(std::chrono::milliseconds& interval,
                            std::chrono::milliseconds& timeout) {
  interval = checked_duration("heartbeat_interval", interval, Zero::allowed);
  timeout = checked_duration("heartbeat_timeout", timeout,
                             interval.count() > 0 ? Zero::refused : Zero::allowed);
}

/// Throws `Error` (invalid_argument) for a value below `least`.
inline void check_at_least(std::string_view option, std::size_t value, std::size_t least) {
  if (value >= least) return;
  throw Error(Errc::invalid_argument,
              fmt::format("{} is {}: it has to be at least {}", option, value, least));
}

enum class Plain { refused, allowed };

/// Throws `Error` (invalid_argument) for tcp beyond this host that is neither encrypted nor allowed
/// to be plain.
inline void check_reach(const std::string& text, Endpoint::Use use, bool keys, Plain plain) {
  if (keys || plain == Plain::allowed || !Endpoint::parse(text, use).leaves_host) return;
  throw Error(
      Errc::invalid_argument,
      fmt::format("endpoint \"{}\" is open to the network without encryption, and to anybody: "
                  "give keys (security, made by `am-keys make`), use a loopback address or "
                  "ipc, or say that this is wanted (allow_plain_tcp)",
                  text));
}

/// Throws `Error` (invalid_argument) for an id that does not fit into a frame.
inline void check_id(std::string_view what, std::string_view id, std::size_t longest) {
  if (id.size() <= longest) return;
  throw Error(Errc::invalid_argument,
              fmt::format("{} has {} bytes: at most {}", what, id.size(), longest));
}

}  // namespace am::rpc::internal
