// What a link has done so far.
#pragma once

#include <cstdint>

namespace am::rpc::internal {

/// Counters of one side of a link; all start at 0. Bytes are those of frames, without ZMTP's own.
struct LinkStats {
  std::uint64_t frames_in = 0;
  std::uint64_t frames_out = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t requests = 0;  ///< mutations and dry runs sent (client) or executed (server)
  std::uint64_t replies = 0;
  std::uint64_t pushes = 0;
  std::uint64_t snapshots = 0;      ///< outside of the handshake
  std::uint64_t resyncs = 0;        ///< client: gaps and digest mismatches that led to one
  std::uint64_t merged = 0;         ///< client: see `LinkTraffic::merged`
  std::uint64_t dropped_diffs = 0;  ///< client: older than the snapshot it waits for, or repeated
  std::uint64_t late_replies = 0;   ///< client: after the call's deadline
  std::uint64_t lost_replies = 0;   ///< client: found out by a snapshot
  std::uint64_t timeouts = 0;       ///< client: calls that reached their deadline
  std::uint64_t refused = 0;        ///< requests that were not executed: state, limit, handshake
  std::uint64_t duplicates = 0;     ///< server: request ids that came again
  std::uint64_t unknown_messages = 0;  ///< of types that are not known here
  std::uint64_t malformed = 0;         ///< frames that ended the link
};

}  // namespace am::rpc::internal
