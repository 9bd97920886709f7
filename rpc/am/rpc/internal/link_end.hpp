// Why a link ended, as each side reports it to the code around it.
#pragma once

#include <am/rpc/internal/messages.hpp>

#include <cstdint>
#include <string>

namespace am::rpc::internal {

/// The reason, to be logged and counted.
enum class CloseReason : std::uint8_t {
  none,               ///< not closed
  local,              ///< closed by the code on this side
  bye,                ///< the peer said bye; see `LinkClosed::bye`
  refused,            ///< the server refused the link; see `LinkClosed::refused`
  handshake_timeout,  ///< no hello, or no answer to it, in time
  resync_timeout,     ///< no usable snapshot after `Limits::resync_attempts` requests
  malformed,          ///< a frame that cannot be read
  oversized,          ///< a frame, count or size above its limit
  version,            ///< no protocol version in common
  protocol,           ///< a frame that is out of place, or that contradicts what was sent before
  schema,             ///< a schema that is not valid, or that changed while the link was open
};

/// Returns the reason's name, for example "handshake_timeout".
const char* to_string(CloseReason reason) noexcept;

/// The end of a link, once. `text` says what happened in words.
struct LinkClosed {
  CloseReason reason = CloseReason::none;
  std::string text{};
  ByeCode bye = ByeCode::closing;           ///< for `bye`
  RefuseCode refused = RefuseCode::denied;  ///< for `refused`
  std::uint64_t retry_after_ms = 0;         ///< the peer's wish, for `bye` and `refused`; 0 = none
};

/// The reason that belongs to a fault of a received frame.
CloseReason close_reason(Fault fault) noexcept;

}  // namespace am::rpc::internal
