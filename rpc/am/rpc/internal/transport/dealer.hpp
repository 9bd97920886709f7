// Client side of a connection: one socket, one server, connected again for ever.
#pragma once

#include <am/rpc/internal/transport/arrival.hpp>
#include <am/rpc/internal/transport/context.hpp>
#include <am/rpc/internal/transport/types.hpp>
#include <am/rpc/keys.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace am::rpc::internal {

/// What is known of a handshake that failed.
enum class Refusal : std::uint8_t {
  certain,  ///< the other side said so
  likely,   ///< it closed the connection, as a server does that cannot read what was sent
};

/// What a dealer tells its embedding. Calls come one at a time, from the thread that has the turn:
/// the transport's I/O thread, or one that waits in `await`. They must not throw and should not
/// block.
class DealerHandler {
 public:
  virtual ~DealerHandler() = default;

  /// A frame of the server; valid during the call only. Only between `on_connected` and
  /// `on_disconnected`.
  virtual void on_frame(FrameView frame) = 0;
  /// At least one `wake()` since the last call. Wakes before a call are seen by it.
  virtual void on_wake() = 0;
  /// A connection is up and `send` works. It says nothing about who answers: the same server, a
  /// restarted one, or another. inproc: at once, also before the server is bound.
  virtual void on_connected() = 0;
  /// The connection has ended and what was sent but not delivered is lost; a new one is being
  /// tried. Follows every `on_connected`, except at `stop`. inproc: only after `reconnect`.
  virtual void on_disconnected() = 0;
  /// The server, or what answers in its place, does not take this side's key or lack of one; `why`
  /// is for people. Trying goes on, slowly, as keys may be added there.
  virtual void on_refused(Refusal refusal, std::string_view why) {
    static_cast<void>(refusal);
    static_cast<void>(why);
  }
  /// False while nobody would use a connection: one that the server closes, as it does with silent
  /// ones, is then not made again before a `wake`.
  virtual bool wanted() { return true; }
  /// When `on_deadline` wants to be called; `no_deadline` for never. Asked in every turn.
  virtual TransportTime next_deadline() = 0;
  /// `next_deadline()` has passed.
  virtual void on_deadline(TransportTime now) = 0;
  /// The end of a turn, before the thread may sleep: the place to send what the turn has gathered.
  virtual void on_turn_end() {}
};

struct DealerOptions {
  /// Where to connect, see `Endpoint`.
  std::string endpoint{};
  SocketLimits limits{};
  /// First pause between attempts to connect, with some jitter; doubles up to the second figure.
  std::chrono::milliseconds reconnect_min{50};
  std::chrono::milliseconds reconnect_max{2'000};
  /// One attempt to connect, and the handshake that follows, are given up after these.
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds handshake_timeout{5'000};
  /// With a key, everything is encrypted, and only the holder of `server_key` is talked to. tcp and
  /// ipc.
  SecretKey key{};
  PublicKey server_key{};
  /// See `SocketOptions`; tcp and ipc only.
  std::chrono::milliseconds heartbeat_interval{0};
  std::chrono::milliseconds heartbeat_timeout{0};
};

/// A connecting DEALER socket and the one thread that owns it. Connecting, and connecting again, is
/// done in the background; nothing is ever queued to an absent server.
class DealerTransport {
 public:
  /// Throws `Error` (invalid_argument) for bad options. Does not wait for the server.
  DealerTransport(Context context, DealerOptions options);
  /// Calls `stop` with the default deadline; see there for a handler call that hangs.
  ~DealerTransport();
  DealerTransport(DealerTransport&&) = delete;
  DealerTransport& operator=(DealerTransport&&) = delete;

  // -- any thread --------------------------------------------------------------------------------

  /// Starts the I/O thread and begins to connect. `handler` is kept until that thread ends. Once
  /// only. Throws `std::system_error` when descriptors or threads have run out.
  void start(std::shared_ptr<DealerHandler> handler);

  /// Has `on_wake` called soon. Never lost, never blocks; a system call only when the thread
  /// sleeps.
  void wake() noexcept;

  /// Waits until a handler call has told `arrival`, or for `deadline`; counts as a `wake`. The
  /// calling thread may take the turn meanwhile, which saves waking another one: handler calls then
  /// come from it. Not from inside a handler call.
  void await(Arrival& arrival, TransportTime deadline) noexcept;

  /// True inside a handler call, and on the I/O thread.
  bool in_turn() const noexcept;

  TransportCounters counters() const noexcept;

  /// Ends the thread and closes the socket; frames that were sent have `linger` left to be
  /// delivered. Returns false when the thread has not ended within `timeout`, that is, when a
  /// handler call hangs; may be called again then. Later calls return true at once. Throws `Error`
  /// (would_deadlock) inside a handler call.
  bool stop(std::chrono::milliseconds timeout = default_stop_timeout);

  static constexpr std::chrono::milliseconds default_stop_timeout{2'000};

  // -- from inside the handler's calls only ------------------------------------------------------

  /// Queues `frame` (copied) to the server. Never blocks and never throws.
  SendStatus send(FrameView frame) noexcept;

  /// Throws the connection away at the end of this turn and makes a new one: `on_disconnected` (if
  /// it was connected), later `on_connected`. For layers whose heartbeats find a connection dead
  /// that the kernel takes for alive, and for inproc, which cannot notice that its server was
  /// replaced.
  void reconnect() noexcept;

 private:
  class Core;
  std::shared_ptr<Core> core_;
};

}  // namespace am::rpc::internal
