// The vocabulary of the transport: peers, outcomes of a send, limits and counters.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

namespace am::rpc::internal {

/// Time as the transport sees it; deadlines and timers of the layers above use the same clock.
using TransportTime = std::chrono::steady_clock::time_point;

/// "No deadline": what a handler returns that waits for nothing.
inline constexpr TransportTime no_deadline = TransportTime::max();

/// One message part. Opaque: the transport never looks inside.
using FrameView = std::span<const std::byte>;

/// One connection of a router, numbered from 1 in the order of their first frames. Never reused
/// within a transport: a client that comes back is another peer.
enum class PeerId : std::uint64_t {};

/// What became of a frame given to `send`. Nothing here says that the other side has read it.
enum class SendStatus : std::uint8_t {
  sent,         ///< queued in order; lost without notice if the connection breaks first
  peer_gone,    ///< there is no connection: nothing was queued
  would_block,  ///< the queue to this peer is at its limit (slow consumer): nothing was queued
  too_large,    ///< longer than `max_frame_bytes`: nothing was queued
};

/// Returns the name of `status`, for example "would_block".
const char* to_string(SendStatus status) noexcept;

/// Limits of one socket. What a peer can make this process hold is bounded by
/// `receive_queue * max_frame_bytes` for each connection.
struct SocketLimits {
  /// The longest frame, in bytes, both ways. A peer that sends a longer one is disconnected.
  std::size_t max_frame_bytes = 128 * 1024;
  /// Frames queued to one peer before `send` returns `would_block`.
  int send_queue = 1000;
  /// Frames of one peer that wait to be read before its connection is no longer read.
  int receive_queue = 256;
  /// How long frames that were sent may still be delivered after the socket is closed.
  std::chrono::milliseconds linger{100};
};

/// Traffic of one transport. Bytes are TCP payload: frames with their ZMTP framing (2 bytes, or 9
/// for frames above 255 bytes), without connection set-up. ipc and inproc count alike.
struct TransportCounters {
  std::uint64_t frames_in = 0;
  std::uint64_t frames_out = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  /// Messages of peers that were not one frame within the limits, or came from no known peer.
  std::uint64_t refused = 0;
  /// Router: connections that were closed here: too many, silent, or with a message without end.
  std::uint64_t closed = 0;
  /// Sends that returned `would_block`.
  std::uint64_t would_block = 0;
  /// Connections open now, spoken on or not. inproc counts on the client side only.
  std::uint64_t connections = 0;
};

/// Bytes that a frame of `size` bytes takes on the wire.
constexpr std::uint64_t wire_bytes(std::size_t size) noexcept {
  return size + (size < 256 ? 2 : 9);
}

/// Frames handled in one turn before wakes and deadlines get theirs: a peer that floods delays them
/// by at most this many `on_frame` calls.
inline constexpr int frames_per_turn = 128;

}  // namespace am::rpc::internal
