// One connection to an endpoint, and the remote machines on it.
#pragma once

#include <am/api.hpp>
#include <am/handlers.hpp>
#include <am/rpc/expected.hpp>
#include <am/rpc/log.hpp>
#include <am/rpc/payload.hpp>
#include <am/rpc/security.hpp>
#include <am/rpc/sync.hpp>
#include <am/tracer.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace am {
class Machine;
}

namespace am::rpc {

namespace internal {
class ClientCore;
class RemoteCore;
}  // namespace internal

/// Which ends of a link a remote machine survives; see docs/remote.md.
enum class Reconnect : std::uint8_t {
  never,
  when_lost,  ///< a lost connection, and a server that restarts or is overloaded
  always,     ///< also a server whose program closes it
};

/// What becomes of a mutation while there is no link.
enum class WhenDown : std::uint8_t {
  fail_fast,  ///< `not_sent` at once
  wait,       ///< sent when the link is back; `not_sent` when that takes longer than its deadline
};

struct ClientOptions {
  /// The server's endpoint: "tcp://HOST:PORT", "ipc://PATH" or "inproc://NAME".
  std::string endpoint{};
  /// What the server is told of who this is; random when empty.
  std::string id{};
  /// How long a mutation waits for its reply before it ends as `unknown`, Reason::timeout.
  std::chrono::milliseconds call_timeout{10'000};
  WhenDown when_down = WhenDown::fail_fast;
  Reconnect reconnect = Reconnect::when_lost;
  /// The pause before the first attempt to connect again; it doubles with each, up to the second
  /// figure, with some jitter.
  std::chrono::milliseconds retry_delay{100};
  std::chrono::milliseconds retry_delay_max{5'000};
  /// How long to try, from the loss of a link on, before its waits end; 0: for ever.
  std::chrono::milliseconds give_up_after{300'000};
  /// One attempt to connect.
  std::chrono::milliseconds connect_timeout{3'000};
  /// How long the server may take to answer the hello of a link that comes back. (The first one:
  /// `AttachOptions::timeout`.)
  std::chrono::milliseconds handshake_timeout{5'000};
  /// A server that is silent is asked for a sign of life this often, and its connection is taken
  /// for lost when none comes within the second figure. 0: never asked. Not for inproc.
  std::chrono::milliseconds heartbeat_interval{5'000};
  std::chrono::milliseconds heartbeat_timeout{10'000};
  /// Longest frame accepted or sent, in bytes.
  std::size_t max_frame_bytes = std::size_t{1} << 20U;
  /// Most states that a machine of the server may have.
  std::size_t max_states = am::max_states;
  /// Most calls of one remote machine that wait for a reply; more are `not_sent`,
  /// `Reason::queue_full`.
  std::size_t max_pending_calls = 4096;
  /// Largest arguments of a mutation, encoded. Those that do not fit into a frame travel before it.
  std::size_t max_argument_bytes = std::size_t{64} << 20U;
  /// Large schemas, snapshots, payloads and arguments may be compressed, if the server knows how.
  bool compress = true;
  /// Keys: who this is, the only server that is talked to, and encryption. tcp and ipc.
  std::optional<ClientSecurity> security{};
  /// Connects without keys to other hosts, too: anybody on the way may read along and answer.
  bool allow_plain_tcp = false;
  LogSink log{};
};

struct AttachOptions {
  /// Id of the wanted machine; "": the server's first one.
  std::string machine{};
  /// The schema, when it is known here: it is not sent again if it is the same.
  std::optional<CompiledSchema> schema{};
  /// With a schema given: fail when the source has another one, instead of taking that over.
  bool require_same_schema = false;
  /// How long to try, including reaching the server.
  std::chrono::milliseconds timeout{5'000};
  /// Instead of the client's.
  std::optional<WhenDown> when_down{};
  /// What to follow of the machine; nothing: everything, for good. Unknown names are refused.
  std::optional<SyncOptions> sync{};
  /// Who takes the payloads that the source sends; nobody unless given. See docs/payloads.md.
  ConsumerOptions payloads{};
};

enum class LinkState : std::uint8_t {
  connected,  ///< the clocks are kept up to date
  stale,      ///< lost, and being tried again: the clocks are those of the moment of the loss
  ended,      ///< for good
};

/// How a remote machine is linked to its source.
struct LinkStatus {
  LinkState state = LinkState::connected;
  std::chrono::steady_clock::time_point since{};
  std::string why{};  ///< why the last link ended; "" while connected
};

/// Traffic of one remote machine. Bytes are those of frames, without ZMTP's own.
struct LinkTraffic {
  std::uint64_t mutations = 0;  ///< calls sent, dry runs included
  std::uint64_t replies = 0;
  std::uint64_t pushes = 0;
  std::uint64_t resyncs = 0;  ///< diffs that were lost or did not fit
  std::uint64_t merged = 0;   ///< with `SyncOptions::log`: updates that are not one transition
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
};

/// Traffic of a connection. Bytes are TCP payload with ZMTP framing.
struct ConnectionTraffic {
  std::uint64_t frames_in = 0;
  std::uint64_t frames_out = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
};

/// A machine of another process. Reading and waiting are answered here, from clocks that the server
/// pushes; mutations cross the wire and block until the source has run them and all that their
/// handlers queued, and their effect shows here before they return. Besides the results of a local
/// machine a mutation may come to `not_sent` (it never reached the source) or `unknown` (it may
/// have run: no reply came in time, or the link ended).
///
/// Clocks of several transitions may arrive together, so `when` sees the state in which they left
/// the machine; `when_time` and `when_ticks` miss nothing. When the link is lost, the clocks stay
/// readable, waits and contexts stay, and a new link is tried, which brings all clocks; what they
/// then say ends waits and stops contexts as a push would. When the source itself is another one (a
/// new epoch: the server was restarted), waits on ticks, on mutations and on arguments end as
/// `epoch_changed`, and all contexts stop. When no new link is tried any more, waits end as
/// `unknown` (as `disposed` when the source was disposed of), and contexts are stopped.
/// `last_error()` is the source's, cut to 1,024 bytes, or the last that a reply brought; see
/// docs/remote.md for it and for `when_args`. A handler of the source must not call its own machine
/// through a RemoteMachine: both would wait.
class RemoteMachine : public Api {
 public:
  RemoteMachine(RemoteMachine&&) noexcept = default;
  RemoteMachine& operator=(RemoteMachine&& other) noexcept;
  /// Says bye to the server; waits end as disposed.
  ~RemoteMachine();

  /// True while the link is open, so that the clocks are kept up to date.
  bool connected() const { return link().state == LinkState::connected; }
  /// Why the last link ended, or "" while one is open.
  std::string link_error() const { return link().why; }
  LinkStatus link() const;
  /// How often the source was replaced by another one; see above.
  std::uint64_t epochs() const;
  LinkTraffic traffic() const;

  /// Follows something else from now on, on a link that was attached with `AttachOptions::sync`:
  /// blocks until the clocks here are those of the new choice. Nothing, or why it was not done.
  /// When a tick here is then lower than before, contexts stop, and waits on ticks end as
  /// `epoch_changed`. Without the schema, states that are new here come after the others. Throws
  /// `Error` (would_deadlock) on the client's I/O thread.
  std::optional<LinkError> choose(SyncOptions choice);

  // -- watching ------------------------------------------------------------------
  // Called on the client's I/O thread, one update as one transition, before waits end: they must
  // not block, and blocking mutations made there throw `Error` (would_deadlock); use `add_async`.
  // What they throw is dropped.

  /// Attaches a tracer: of the transitions of an update it is told init, start and end, with the
  /// type `set` and the states that are active then as called. Throws `Error` (invalid_argument)
  /// for null. Any thread.
  TracerId trace(std::shared_ptr<Tracer> tracer);
  /// Removes a tracer; false when there is none with this id. Any thread.
  bool detach(TracerId id);

  /// Binds the final handlers that `AM_HANDLERS` lists in `H`. They follow ticks: a state that was
  /// left and entered again within one update gets both calls, one that came and went too. Throws
  /// `Error` as `Machine::bind` does, and invalid_argument for handlers that could refuse: those
  /// are the machine's own. Any thread.
  template <class H>
  BindingId bind(H handlers) {
    return bind(std::make_shared<H>(std::move(handlers)));
  }
  /// The same for an object that others share.
  template <class H>
  BindingId bind(std::shared_ptr<H> handlers) {
    am::detail::HandlerCollector<H> collector(handlers);
    handlers->am_handlers(collector);
    return bind(collector.take());
  }
  /// Binds handlers by name, all under one id.
  BindingId bind(std::vector<NamedHandler> handlers);
  /// Binds one handler by name: "FooState", "FooEnd" or "AnyState".
  template <class F>
  BindingId on(std::string_view name, F function) {
    return bind(std::vector<NamedHandler>{
        {std::string(name), am::detail::make_handler(std::move(function))}});
  }
  /// After `state` activated.
  template <class F>
  BindingId on_state(StateRef state, F function) {
    return bind_one(HandlerKind::state, state, am::detail::make_handler(std::move(function)));
  }
  /// After `state` deactivated.
  template <class F>
  BindingId on_end(StateRef state, F function) {
    return bind_one(HandlerKind::end, state, am::detail::make_handler(std::move(function)));
  }
  /// Removes a binding; false when there is none with this id. Any thread.
  bool detach(BindingId id);

 private:
  friend class Client;
  BindingId bind_one(HandlerKind kind, StateRef state, HandlerFunction function);
  explicit RemoteMachine(std::shared_ptr<internal::RemoteCore> core);
  void detach() noexcept;
};

/// A connection to one server, shared by all remote machines attached through it. One I/O thread.
/// All methods may be called from any thread, except that what blocks throws `Error`
/// (would_deadlock) where stop callbacks of contexts run: on the I/O thread, or on a thread that
/// waits for the outcome of a mutation. So a stop callback must not take a lock that is held over
/// remote mutations.
class Client {
 public:
  /// Starts to connect in the background. Throws `Error` (invalid_argument) for options that break
  /// a rule, `std::system_error` when descriptors or threads have run out.
  explicit Client(ClientOptions options);
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  /// Stops, with the default deadline; on its own I/O thread, by another one.
  ~Client();

  /// Opens a link to a machine of the server: blocks until its schema and clocks are here, or it is
  /// clear that they will not be.
  Expected<RemoteMachine> attach(AttachOptions options = {});

  ConnectionTraffic traffic() const;

  /// What the connection does, as a machine of its own, to wait on, bind handlers to, log and
  /// watch: Start; Connecting, Connected, Disconnected; RetryingConn after a loss; Handshaking
  /// while a remote machine has no link, HandshakeDone and Ready when all have; ConnRetryFailed
  /// when a remote machine has ended without having been asked to; ErrNetwork and ErrRpc with
  /// Exception. Its mutations run on `completion_executor`, a moment after the fact; other ones
  /// mean nothing to the client. Lives as long as the client.
  Machine& machine() const noexcept;

  /// Says bye for all remote machines, whose waits end as disposed, and closes the connection.
  bool stop(std::chrono::milliseconds timeout = std::chrono::seconds{2});

 private:
  std::shared_ptr<internal::ClientCore> core_;
};

}  // namespace am::rpc
