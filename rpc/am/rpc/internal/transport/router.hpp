// Server side of a connection: one bound socket, many peers.
#pragma once

#include <am/rpc/internal/transport/context.hpp>
#include <am/rpc/internal/transport/types.hpp>
#include <am/rpc/keys.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace am::rpc::internal {

/// What a router tells its embedding. All calls come from the transport's I/O thread, one at a
/// time; they must not throw and should not block, as everything behind the endpoint waits
/// meanwhile; `work` may.
class RouterHandler {
 public:
  virtual ~RouterHandler() = default;

  /// A frame of `peer`; valid during the call only. The first one makes the peer known.
  virtual void on_frame(PeerId peer, FrameView frame) = 0;
  /// At least one `wake()` since the last call. Wakes before a call are seen by it.
  virtual void on_wake() = 0;
  /// The peer's connection has ended; the last call for this peer, exactly one for each, and never
  /// from inside `send`. Frames that had arrived before come first.
  /// inproc has no connections: there it follows a `send` that returned `peer_gone`, or `drop`.
  virtual void on_peer_gone(PeerId peer) = 0;
  /// When `on_deadline` wants to be called; `no_deadline` for never. Asked in every turn: keep it
  /// a load of a member.
  virtual TransportTime next_deadline() = 0;
  /// `next_deadline()` has passed.
  virtual void on_deadline(TransportTime now) = 0;
  /// The end of a turn, that is of up to `frames_per_turn` frames and whatever else had happened,
  /// before the thread may sleep: the place to send what the turn has gathered.
  virtual void on_turn_end() {}

  // -- work that may take long -------------------------------------------------------------------

  /// True when the calls above have left work to be done. Called by the thread that leads.
  virtual bool has_work() const { return false; }
  /// Takes the first piece of it and does it; `on_turn_end` follows soon. Once it has called
  /// `inside()`, and until it returns, another thread may take the socket over, and make any of
  /// these calls: what it uses from there on must be safe for that.
  virtual void work() {}
};

struct RouterOptions {
  /// Where to bind, see `Endpoint`.
  std::string endpoint{};
  SocketLimits limits{};
  /// Connections that wait to be accepted by the kernel.
  int backlog = 1024;
  /// A connection that has not finished its handshake by then is closed.
  std::chrono::milliseconds handshake_timeout{10'000};
  /// Connections that are open at once; further ones are closed.
  std::size_t max_connections = 4096;
  /// A connection that has not brought a frame by then is closed.
  std::chrono::milliseconds silence_timeout{10'000};
  /// With a key, everything is encrypted, and only holders of an admitted key get in. tcp and ipc.
  SecretKey key{};
  std::vector<PublicKey> admitted{};
  /// See `SocketOptions`; tcp and ipc only.
  std::chrono::milliseconds heartbeat_interval{0};
  std::chrono::milliseconds heartbeat_timeout{0};
};

/// A bound ROUTER socket and the one thread that owns it.
class RouterTransport {
 public:
  /// Binds, so that `endpoint()` is known and clients can already connect; nothing is read before
  /// `start`. Throws `Error` (invalid_argument) for bad options, and `std::system_error` with the
  /// endpoint in its text when it cannot be bound, for example because it is in use (also for ipc,
  /// where libzmq alone would take the path over).
  RouterTransport(Context context, RouterOptions options);
  /// Calls `stop` with the default deadline. A handler call that hangs even longer is abandoned:
  /// its thread keeps handler and socket alive, and makes no further call.
  ~RouterTransport();
  RouterTransport(RouterTransport&&) = delete;
  RouterTransport& operator=(RouterTransport&&) = delete;

  // -- any thread --------------------------------------------------------------------------------

  /// Starts the I/O thread. `handler` is kept until that thread ends. Once only.
  void start(std::shared_ptr<RouterHandler> handler);

  /// The effective endpoint: wildcard and port 0 are resolved ("tcp://*:0" to
  /// "tcp://0.0.0.0:4711").
  const std::string& endpoint() const noexcept;

  /// With a key: replaces the admitted keys, for peers that connect from now on.
  void admit(const std::vector<PublicKey>& keys);

  /// Has `on_wake` called soon. Never lost, never blocks; a system call only when the thread
  /// sleeps.
  void wake() noexcept;

  TransportCounters counters() const noexcept;

  /// In `work`: from here on another thread may lead.
  void inside() noexcept;
  /// True on the I/O thread, also one that has lost the lead and is still in `work`.
  bool on_own_thread() const noexcept;
  /// True on the I/O thread that leads: `on_turn_end` will be called before it sleeps, so that it
  /// needs no `wake`.
  bool on_leading_thread() const noexcept;

  /// Ends the thread and closes the socket; frames that were sent have `linger` left to be
  /// delivered. Returns false when the thread has not ended within `timeout`, that is, when a
  /// handler call hangs; may be called again then. Later calls return true at once. Throws `Error`
  /// (would_deadlock) when called on the I/O thread itself.
  bool stop(std::chrono::milliseconds timeout = default_stop_timeout);

  static constexpr std::chrono::milliseconds default_stop_timeout{2'000};

  // -- I/O thread only, that is from inside the handler's calls ----------------------------------

  /// Queues `frame` (copied) to `peer`. Never blocks and never throws.
  SendStatus send(PeerId peer, FrameView frame) noexcept;

  /// The key that a peer has proved to have, whatever it says of itself. No key: the router has
  /// none, or the peer is gone.
  PublicKey key(PeerId peer) const noexcept;

  /// Ends the conversation with a peer that misbehaves: nothing of it is delivered any more, its
  /// connection is closed (tcp, ipc), and `on_peer_gone` follows.
  void drop(PeerId peer) noexcept;

 private:
  class Core;
  std::shared_ptr<Core> core_;
};

}  // namespace am::rpc::internal
