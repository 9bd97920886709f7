#include <am/error.hpp>
#include <am/rpc/internal/transport/connection_watch.hpp>
#include <am/rpc/internal/transport/counter_cells.hpp>
#include <am/rpc/internal/transport/curve.hpp>
#include <am/rpc/internal/transport/endpoint.hpp>
#include <am/rpc/internal/transport/loop.hpp>
#include <am/rpc/internal/transport/peer_table.hpp>
#include <am/rpc/internal/transport/router.hpp>
#include <am/rpc/internal/transport/socket.hpp>
#include <am/rpc/internal/transport/zap.hpp>

#include <algorithm>
#include <optional>
#include <utility>

namespace am::rpc::internal {

namespace {

/// Turns for which the leftovers of a departed peer are waited for while others keep the socket
/// busy.
constexpr int turns_for_leftovers = 16;

SocketOptions socket_options(const RouterOptions& options) {
  SocketOptions result;
  result.limits = options.limits;
  result.backlog = options.backlog;
  result.handshake_timeout = options.handshake_timeout;
  result.heartbeat_interval = options.heartbeat_interval;
  result.heartbeat_timeout = options.heartbeat_timeout;
  check(result);
  return result;
}

ConnectionWatch::Limits watch_limits(const RouterOptions& options) {
  return {.connections = options.max_connections,
          .silence = options.silence_timeout,
          .message = options.limits.max_frame_bytes,
          .queue = static_cast<std::size_t>(options.limits.receive_queue)};
}

}  // namespace

class RouterTransport::Core final : public LoopBody {
 public:
  Core(Context context, const RouterOptions& options)
      : context_(std::move(context)),
        max_frame_bytes_(options.limits.max_frame_bytes),
        loop_(*this) {
    const auto endpoint = Endpoint::parse(options.endpoint, Endpoint::Use::bind);
    auto socket = socket_options(options);
    if (options.key) {
      check_keys_fit(endpoint);
      domain_.emplace(context_, options.admitted);
      socket.key = options.key;
      socket.zap_domain = domain_->name();
    }
    socket_.emplace(context_, Socket::Kind::router, socket);
    socket_->bind(endpoint);
    endpoint_ = socket_->bound_endpoint();
    watch_.emplace(watch_limits(options), endpoint_);
  }

  Loop& loop() noexcept { return loop_; }
  const std::string& endpoint() const noexcept { return endpoint_; }
  TransportCounters counters() const noexcept { return counters_.load(); }
  void set_handler(std::shared_ptr<RouterHandler> handler) noexcept {
    handler_ = std::move(handler);
  }

  void admit(const std::vector<PublicKey>& keys) {
    if (domain_) domain_->replace(keys);
  }

  PublicKey key(PeerId id) noexcept {
    const auto* peer = peers_.find(id);
    return peer == nullptr ? PublicKey{} : peer->key;
  }

  SendStatus send(PeerId id, FrameView frame) noexcept {
    const auto* peer = peers_.find(id);
    if (peer == nullptr || peer->leaving || !socket_) return SendStatus::peer_gone;
    touched_ = true;
    const SendStatus status = socket_->send(peer->routing, frame);
    if (status == SendStatus::sent) {
      counters_.count_out(frame.size());
    } else if (status == SendStatus::would_block) {
      counters_.would_block.add(1);
    } else if (status == SendStatus::peer_gone) {
      peers_.depart(*peers_.find(id));
    }
    return status;
  }

  void drop(PeerId id) noexcept {
    auto* peer = peers_.find(id);
    if (peer == nullptr || peer->muted) return;
    peer->muted = true;
    take_events();
    // Closing the connection makes the monitor report it.
    if (!peer->leaving && !peers_.disconnect(*peer)) peers_.depart(*peer);
  }

  // -- LoopBody ----------------------------------------------------------------------------------

  std::array<int, 2> descriptors() const noexcept override {
    return {socket_->descriptor(), socket_->monitor_descriptor()};
  }

  bool may_sleep() noexcept override {
    if (!drained_ || peers_.any_departed()) return false;
    if (touched_ && socket_->readable()) return false;
    touched_ = false;
    return true;
  }

  TransportTime next_deadline() noexcept override {
    return loop_.stopping() ? no_deadline
                            : std::min(handler_->next_deadline(), watch_->next_check());
  }

  void turn(bool woken) noexcept override {
    take_events();
    if (woken && !loop_.stopping()) handler_->on_wake();
    const auto due = next_deadline();
    const auto now = due == no_deadline ? TransportTime{} : std::chrono::steady_clock::now();
    if (due <= now && handler_->next_deadline() <= now) handler_->on_deadline(now);
    drained_ = take_frames();
    if (watch_->next_check() <= now) check_connections(now);
    tell_departures();
    if (!loop_.stopping()) handler_->on_turn_end();
  }

  void close() noexcept override {
    handler_.reset();
    socket_.reset();
  }

  bool has_work() const noexcept override { return handler_->has_work(); }
  void work() noexcept override { handler_->work(); }
  void after_work() noexcept override {
    if (!loop_.stopping()) handler_->on_turn_end();
  }

 private:
  void take_events() noexcept {
    while (const auto event = socket_->next_event()) {
      if (event->kind == Socket::Event::Kind::accepted) {
        peers_.accepted(event->descriptor);
        if (!watch_->accepted(event->descriptor, std::chrono::steady_clock::now())) {
          counters_.closed.add(1);
        }
      } else {
        peers_.disconnected(event->descriptor);
        watch_->disconnected(event->descriptor);
      }
    }
    counters_.connections.set(peers_.connections());
  }

  void check_connections(TransportTime now) noexcept {
    if (loop_.stopping()) return;
    take_events();
    counters_.closed.add(watch_->check(peers_, drained_, now));
  }

  /// Returns true when there are no more.
  bool take_frames() noexcept {
    for (int count = 0; count < frames_per_turn; ++count) {
      if (loop_.stopping()) return false;
      switch (socket_->receive(message_)) {
        case Received::nothing: touched_ = false; return true;
        case Received::refused: counters_.refused.add(1); break;
        case Received::frame: take_frame(); break;
      }
    }
    return false;
  }

  void take_frame() noexcept {
    const auto frame = message_.frame();
    auto* peer = peers_.find(message_.routing());
    if (peer == nullptr && !peers_.departed(message_.routing())) {
      take_events();
      peer = &peers_.introduce(message_.routing(), message_.source_descriptor());
      if (domain_) peer->key = message_.sender_key();
    }
    if (peer == nullptr || peer->muted) {
      counters_.refused.add(1);
      return;
    }
    counters_.count_in(frame.size());
    ++peer->frames;
    // libzmq has asked for its key; were that ever to fail, nothing of the peer is delivered.
    if (domain_ && !peer->key) {
      counters_.refused.add(1);
      drop(peer->id);
      return;
    }
    // inproc has no limit of its own.
    if (frame.size() > max_frame_bytes_) {
      counters_.refused.add(1);
      drop(peer->id);
      return;
    }
    handler_->on_frame(peer->id, frame);
  }

  /// Once there is nothing more to read, the frames that a peer sent before it left have been told.
  void tell_departures() noexcept {
    if (!peers_.any_departed()) return;
    if (!drained_ && ++departure_turns_ < turns_for_leftovers) return;
    departure_turns_ = 0;
    for (const PeerId peer : peers_.take_departed()) {
      if (loop_.stopping()) return;
      handler_->on_peer_gone(peer);
    }
  }

  Context context_;
  std::size_t max_frame_bytes_;
  std::string endpoint_;
  std::shared_ptr<RouterHandler> handler_;
  std::optional<ZapDomain> domain_;  // with keys
  std::optional<Socket> socket_;
  PeerTable peers_;
  std::optional<ConnectionWatch> watch_;
  CounterCells counters_;
  Message message_;
  bool drained_ = false;
  bool touched_ = false;  // the socket was used since it last said that there is nothing to read
  int departure_turns_ = 0;
  Loop loop_;
};

RouterTransport::RouterTransport(Context context, RouterOptions options)
    : core_(std::make_shared<Core>(std::move(context), options)) {}

RouterTransport::~RouterTransport() { end(core_, default_stop_timeout); }

void RouterTransport::start(std::shared_ptr<RouterHandler> handler) {
  if (handler == nullptr) throw Error(Errc::invalid_argument, "a transport needs a handler");
  core_->loop().start(core_, "am-router", [&] { core_->set_handler(std::move(handler)); });
}

const std::string& RouterTransport::endpoint() const noexcept { return core_->endpoint(); }

void RouterTransport::admit(const std::vector<PublicKey>& keys) { core_->admit(keys); }

void RouterTransport::wake() noexcept { core_->loop().wake(); }

TransportCounters RouterTransport::counters() const noexcept { return core_->counters(); }

bool RouterTransport::stop(std::chrono::milliseconds timeout) {
  return core_->loop().stop(timeout);
}

void RouterTransport::inside() noexcept { core_->loop().inside(); }

bool RouterTransport::on_own_thread() const noexcept { return core_->loop().on_own_thread(); }

bool RouterTransport::on_leading_thread() const noexcept {
  return core_->loop().on_leading_thread();
}

SendStatus RouterTransport::send(PeerId peer, FrameView frame) noexcept {
  return core_->send(peer, frame);
}

PublicKey RouterTransport::key(PeerId peer) const noexcept { return core_->key(peer); }

void RouterTransport::drop(PeerId peer) noexcept { core_->drop(peer); }

}  // namespace am::rpc::internal
