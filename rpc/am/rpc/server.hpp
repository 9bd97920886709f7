// Machines of this process at an endpoint.
#pragma once

#include <am/api.hpp>
#include <am/pending.hpp>
#include <am/rpc/log.hpp>
#include <am/rpc/payload.hpp>
#include <am/rpc/security.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace am {
class Machine;
}

namespace am::rpc {

namespace internal {
class ServerCore;
}

struct ServerOptions {
  /// Where to listen: "tcp://HOST:PORT" (port 0 or `*`: any free one), "ipc://PATH" (`*`: a fresh
  /// one) or "inproc://NAME".
  std::string endpoint = "tcp://127.0.0.1:0";
  /// The least time between two pushes of one link. The first change after a quiet time is pushed
  /// at once; those that follow within the interval travel together at its end. 0: at once, always.
  std::chrono::milliseconds push_interval{250};
  /// Without pushes, clocks travel in replies only.
  bool push = true;
  /// How long a peer may take from its first frame to a complete hello.
  std::chrono::milliseconds handshake_timeout{5'000};
  /// How long a client may come back after a lost connection and find its requests answered, each
  /// run once. 0: it begins anew.
  std::chrono::milliseconds session_ttl{60'000};
  /// Most clients that are waited for, and the memory of what they asked: above either, those who
  /// have been away the longest are forgotten.
  std::size_t max_waiting_sessions = 1024;
  std::size_t max_waiting_session_bytes = std::size_t{16} << 20U;
  /// Answers that are kept for each client until it has said that it has them, and the bytes of
  /// their texts. A request that comes again after its answer was forgotten ends as `unknown`.
  std::size_t max_kept_answers = 1024;
  std::size_t max_kept_answer_bytes = std::size_t{64} << 10U;
  /// A client that is silent is asked for a sign of life this often, and its connection is taken
  /// for lost when none comes within the second figure. 0: never asked. Not for inproc.
  std::chrono::milliseconds heartbeat_interval{5'000};
  std::chrono::milliseconds heartbeat_timeout{10'000};
  /// Longest frame accepted or sent, in bytes.
  std::size_t max_frame_bytes = std::size_t{1} << 20U;
  /// Largest arguments of a mutation, encoded, and what those that are on their way may take: of
  /// one client; and of all together.
  std::size_t max_argument_bytes = std::size_t{64} << 20U;
  std::size_t max_argument_memory = std::size_t{256} << 20U;
  /// Schemas, snapshots and payloads of a kilobyte and more are compressed for clients that know
  /// how, if that makes them smaller.
  bool compress = true;
  /// Connections that are open at once; further ones are closed. One that does not open a link
  /// within `handshake_timeout` is closed too.
  std::size_t max_connections = 4096;
  /// Most links in all, and of one connection.
  std::size_t max_links = 65'536;
  std::size_t max_links_per_connection = 4096;
  /// Keys: who gets in, and encryption. tcp and ipc.
  std::optional<ServerSecurity> security{};
  /// Listens without keys where other hosts may connect, too: whoever reaches the port may read and
  /// mutate, and the network may read along.
  bool allow_plain_tcp = false;
  /// The only client id that is let in; "": any. Clients choose their ids, so this keeps out
  /// mistakes, not enemies: keys do.
  std::string allow_id{};
  /// Most calls of one link that run or wait for their machine; more are `not_sent`,
  /// `Reason::queue_full`.
  std::size_t max_pending_calls = 4096;
  LogSink log{};
};

/// What clients are told by a server that goes away to come back.
struct Restarting {
  /// When they should try again; 0: at their own pace.
  std::chrono::milliseconds retry_after{0};
};

/// What a server has done so far. Bytes are TCP payload with ZMTP framing.
struct ServerStats {
  std::uint64_t links_open = 0;
  std::uint64_t links_opened = 0;
  std::uint64_t links_refused = 0;
  std::uint64_t links_resumed = 0;     ///< of those opened: by clients that came back in time
  std::uint64_t sessions_waiting = 0;  ///< clients that are gone and may come back
  std::uint64_t repeated = 0;          ///< requests that came again, and were not run again
  /// Links that ended because the peer sent what cannot be read, was out of place or too large.
  std::uint64_t links_broken = 0;
  std::uint64_t connections = 0;  ///< open now
  /// Connections that were closed for `max_connections`, for silence, or for a message without end.
  std::uint64_t connections_closed = 0;
  /// Frames that belong to no link and could not be read.
  std::uint64_t stray_frames = 0;
  std::uint64_t mutations = 0;  ///< passed on to a machine, dry runs included
  std::uint64_t denied = 0;     ///< not passed on: no right, unknown state, bad arguments, limits
  std::uint64_t replies = 0;
  std::uint64_t pushes = 0;
  std::uint64_t snapshots = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
};

/// Exposes machines to remote ones. Machines do not know that they are exposed; many servers
/// may expose one machine. One I/O thread serves the endpoint, and runs the mutations that arrive
/// while their machine is idle; another one takes over from it when a handler takes long, so that
/// no other machine waits for that. All methods may be called from any thread. One that was moved
/// from may only be assigned or destroyed.
class Server {
 public:
  /// Listens, with nothing exposed yet. Throws `Error` (invalid_argument) for options that break a
  /// rule, `std::system_error` when the endpoint cannot be bound.
  explicit Server(ServerOptions options);
  /// Listens and exposes `source`, which is also what clients get that name no machine.
  explicit Server(const Api& source, ServerOptions options = {}, const ExposeOptions& expose = {});
  Server(Server&&) noexcept;
  Server& operator=(Server&&) noexcept;
  /// Stops, with the default deadline; on its own I/O thread, by another one.
  ~Server();

  /// Exposes one more machine, under its id; the first one is what clients get that name none.
  /// Throws `Error` (invalid_argument) when the id is taken, and (unknown_state) for options that
  /// name a state which it does not have.
  void expose(const Api& source, const ExposeOptions& options = {});

  /// Replaces the clients that are let in. Those that are connected and no longer listed are cut
  /// off; the others stay, with the rights that the new list gives them. Throws `Error`
  /// (invalid_argument) for a server without keys, and for a list with a key missing or twice,
  /// which changes nothing.
  void allow_clients(std::vector<AllowedClient> clients);

  /// Sends a payload to a client that is attached to `machine`, which has to be exposed here; see
  /// docs/payloads.md. It travels in pieces that nothing else waits behind, and goes on where it
  /// stopped when the client comes back after a lost connection. Never blocks: also in handlers of
  /// `machine`. What became of it is there later; at once, as `not_sent`, when there is no such
  /// client. Throws `Error` (invalid_argument) for a machine that is not exposed, a name above 255
  /// bytes, or arguments of a type that is not registered.
  Pending<Delivery> send_payload(const Api& machine, Payload payload,
                                 const PayloadOptions& options = {});

  /// The effective endpoint, wildcards resolved.
  const std::string& endpoint() const noexcept;
  ServerStats stats() const;

  /// What the server does, as a machine of its own, to wait on, bind handlers to, log and watch:
  /// Start; RpcReady and Ready while it listens; ClientConnected, which ticks with each link that
  /// opens; HasClients; ErrRpc with Exception for links that were ended because of what their peer
  /// sent. Its mutations run on `completion_executor`, a moment after the fact; other ones mean
  /// nothing to the server. Lives as long as the server.
  Machine& machine() const noexcept;

  /// Says bye to all clients and closes the endpoint. Throws `Error` (would_deadlock) on the I/O
  /// thread, that is, in a handler of a remote mutation. False when the I/O thread has not ended
  /// within `timeout`, that is, when a handler hangs; may be called again. The machines live on.
  bool stop(std::chrono::milliseconds timeout = std::chrono::seconds{2});
  /// The same, telling clients that it is worth trying again.
  bool stop(Restarting restarting, std::chrono::milliseconds timeout = std::chrono::seconds{2});

 private:
  std::shared_ptr<internal::ServerCore> core_;
};

}  // namespace am::rpc
