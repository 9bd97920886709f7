// A ZeroMQ socket and its monitor, with errors as values. The only wrapper: no other file of the
// project includes ZeroMQ, and no header does.
#pragma once

#include <am/rpc/internal/transport/context.hpp>
#include <am/rpc/internal/transport/endpoint.hpp>
#include <am/rpc/internal/transport/types.hpp>
#include <am/rpc/internal/transport/zap.hpp>
#include <am/rpc/keys.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace am::rpc::internal {

/// The identity that a ROUTER gave to a connection: a counter of the socket.
enum class RoutingId : std::uint32_t {};

struct SocketOptions {
  SocketLimits limits{};
  int backlog = 1024;
  std::chrono::milliseconds handshake_timeout{10'000};
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds reconnect_min{50};
  std::chrono::milliseconds reconnect_max{2'000};
  /// Keys of this side; none: no encryption.
  SecretKey key{};
  /// Dealer with keys: the only server that it talks to.
  PublicKey server_key{};
  /// Router with keys: who decides about peers, see `ZapResponder`.
  std::string zap_domain{plain_domain};
  /// How often libzmq asks a silent peer for a sign of life, and how long it then waits for one
  /// before it takes the connection for dead; 0: never asks.
  std::chrono::milliseconds heartbeat_interval{0};
  std::chrono::milliseconds heartbeat_timeout{0};
};

/// Throws `Error` (invalid_argument) that names the option when one is outside what a socket takes.
void check(const SocketOptions& options);

/// A place for one received message, reused for the next: frames of up to 33 bytes need no
/// allocation. Not tied to a socket or thread, so that a frame outlives the turn's owner.
class Message {
 public:
  Message() noexcept;
  ~Message();
  Message(Message&&) = delete;
  Message& operator=(Message&&) = delete;

  FrameView frame() const noexcept;
  /// Router only: the connection it came from.
  RoutingId routing() const noexcept { return routing_; }
  /// The descriptor of that connection in this process, or -1 (inproc). Costs a map lookup.
  int source_descriptor() const noexcept;
  /// Router with keys: the one that the sender has proved to have. No key: it has proved none.
  PublicKey sender_key() const noexcept;

 private:
  friend class Socket;

  // One zmq_msg_t.
  alignas(8) std::byte storage_[64];
  RoutingId routing_{};
};

/// What `Socket::receive` found.
enum class Received : std::uint8_t {
  frame,    ///< one frame
  refused,  ///< a message that is not one frame, or of a peer with an identity of its own
  nothing,  ///< nothing: until the next use of the socket, its descriptor tells when there is
};

/// A DEALER or ROUTER and the socket that monitors it. Not thread-safe; may move between threads
/// with a fence. Nothing blocks. Made and configured with exceptions, used without.
class Socket {
 public:
  enum class Kind : std::uint8_t { router, dealer };

  /// Something that happened to a connection.
  struct Event {
    enum class Kind : std::uint8_t {
      accepted,      ///< router: a connection, which may turn out to be no peer
      ready,         ///< dealer: the handshake is done
      disconnected,  ///< either: a connection ended, whether it was ready or not
      retrying,      ///< dealer: libzmq will connect again
      refused,       ///< dealer: the server does not let this side's key in
      mismatched,    ///< dealer: one side has keys and the other has none
      broken_off,    ///< dealer: a handshake was broken off, for a reason that is not known
    };
    Kind kind;
    int descriptor;  ///< accepted, disconnected: of the connection
  };

  /// Throws `std::system_error` when sockets or descriptors have run out.
  Socket(const Context& context, Kind kind, const SocketOptions& options);
  ~Socket();
  Socket(Socket&&) = delete;
  Socket& operator=(Socket&&) = delete;

  /// Throws `std::system_error` that quotes the endpoint.
  void bind(const Endpoint& endpoint);
  void connect(const Endpoint& endpoint);
  /// What `bind` came to, wildcards resolved.
  std::string bound_endpoint() const;

  /// Edge triggered; see `LoopBody::may_sleep`. Both say nothing until `receive` and `next_event`
  /// have found nothing once.
  int descriptor() const noexcept;
  int monitor_descriptor() const noexcept;

  /// True when `receive` would find something. Also lets the socket take notice of what its
  /// connections did. After false the descriptor tells the truth.
  bool readable() noexcept;

  Received receive(Message& message) noexcept;

  /// Dealer.
  SendStatus send(FrameView frame) noexcept;
  /// Router.
  SendStatus send(RoutingId to, FrameView frame) noexcept;

  /// The next event, in the order in which they happened; nothing: the monitor's descriptor tells.
  std::optional<Event> next_event() noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace am::rpc::internal
