#include <am/error.hpp>
#include <am/rpc/internal/transport/counter_cells.hpp>
#include <am/rpc/internal/transport/curve.hpp>
#include <am/rpc/internal/transport/dealer.hpp>
#include <am/rpc/internal/transport/endpoint.hpp>
#include <am/rpc/internal/transport/loop.hpp>
#include <am/rpc/internal/transport/socket.hpp>

#include <algorithm>
#include <exception>
#include <optional>
#include <utility>

namespace am::rpc::internal {

namespace {

SocketOptions socket_options(const DealerOptions& options) {
  SocketOptions result;
  result.limits = options.limits;
  result.handshake_timeout = options.handshake_timeout;
  result.heartbeat_interval = options.heartbeat_interval;
  result.heartbeat_timeout = options.heartbeat_timeout;
  result.connect_timeout = options.connect_timeout;
  result.reconnect_min = options.reconnect_min;
  result.reconnect_max = options.reconnect_max;
  result.key = options.key;
  result.server_key = options.server_key;
  check(result);
  return result;
}

}  // namespace

class DealerTransport::Core final : public LoopBody {
 public:
  Core(Context context, const DealerOptions& options)
      : context_(std::move(context)),
        endpoint_(Endpoint::parse(options.endpoint, Endpoint::Use::connect)),
        options_(socket_options(options)),
        loop_(*this) {
    if (options_.key) check_keys_fit(endpoint_);
  }

  Loop& loop() noexcept { return loop_; }
  TransportCounters counters() const noexcept { return counters_.load(); }

  void open(std::shared_ptr<DealerHandler> handler) {
    open_socket();
    handler_ = std::move(handler);
  }

  SendStatus send(FrameView frame) noexcept {
    if (!connected_) return SendStatus::peer_gone;
    touched_ = true;
    const SendStatus status = socket_->send(frame);
    if (status == SendStatus::sent) {
      counters_.count_out(frame.size());
    } else if (status == SendStatus::would_block) {
      counters_.would_block.add(1);
    }
    return status;
  }

  void reconnect() noexcept { reconnect_ = true; }

  // -- LoopBody ----------------------------------------------------------------------------------

  std::array<int, 2> descriptors() const noexcept override {
    if (!socket_) return {-1, -1};
    return {socket_->descriptor(), socket_->monitor_descriptor()};
  }

  bool may_sleep() noexcept override {
    if (!drained_ || fresh_ || reconnect_) return false;
    if (touched_ && socket_ && socket_->readable()) return false;
    touched_ = false;
    return true;
  }

  TransportTime next_deadline() noexcept override {
    return loop_.stopping() ? no_deadline : std::min(handler_->next_deadline(), reopen_at_);
  }

  void turn(bool woken) noexcept override {
    fresh_ = false;
    if (socket_) take_events();
    if (unwanted_) close_socket();
    if (woken && !loop_.stopping()) handler_->on_wake();
    if (const auto due = next_deadline(); due != no_deadline) {
      if (const auto now = std::chrono::steady_clock::now(); due <= now) on_deadline(now);
    }
    if (unwanted_ && handler_->wanted()) reconnect_ = true;
    drained_ = !socket_ || take_frames(frames_per_turn);
    if (reconnect_ && !loop_.stopping()) replace_socket();
    if (!loop_.stopping()) handler_->on_turn_end();
  }

  void close() noexcept override {
    handler_.reset();
    socket_.reset();
  }

 private:
  void open_socket() {
    socket_.emplace(context_, Socket::Kind::dealer, options_);
    socket_->connect(endpoint_);
    announce_ = endpoint_.kind == Endpoint::Kind::inproc;
    fresh_ = true;
  }

  void close_socket() noexcept {
    loop_.forget_descriptors();
    socket_.reset();
  }

  /// A new socket rather than a disconnect: events of the old connection cannot be mistaken for
  /// those of the new one.
  void replace_socket() noexcept {
    reconnect_ = false;
    unwanted_ = false;
    close_socket();
    set_disconnected();
    try {
      open_socket();
      reopen_at_ = no_deadline;
    } catch (const std::exception&) {
      // Out of descriptors or sockets: what others give back later.
      close_socket();
      reopen_at_ = std::chrono::steady_clock::now() + options_.reconnect_max;
    }
  }

  void on_deadline(TransportTime now) noexcept {
    if (reopen_at_ <= now) replace_socket();
    if (!loop_.stopping() && handler_->next_deadline() <= now) handler_->on_deadline(now);
  }

  void take_events() noexcept {
    if (std::exchange(announce_, false)) set_connected();
    while (const auto event = unwanted_ ? std::nullopt : socket_->next_event()) {
      switch (event->kind) {
        case Socket::Event::Kind::ready:
          reopen_at_ = no_deadline;
          set_connected();
          break;
        case Socket::Event::Kind::retrying: reopen_at_ = no_deadline; break;
        case Socket::Event::Kind::disconnected: take_disconnected(); break;
        case Socket::Event::Kind::refused:
          take_refused(Refusal::certain, "the server does not let this client's key in");
          break;
        case Socket::Event::Kind::mismatched:
          take_refused(Refusal::certain,
                       options_.key ? "the server has no keys, or is no server of this kind"
                                    : "the server wants keys, or is no server of this kind");
          break;
        case Socket::Event::Kind::broken_off:
          if (options_.key) take_refused(Refusal::likely, "the server may have another key");
          break;
        case Socket::Event::Kind::accepted: break;
      }
    }
  }

  void take_refused(Refusal refusal, std::string_view why) noexcept {
    // libzmq may not try again, see below.
    reopen_at_ = std::chrono::steady_clock::now() + options_.reconnect_max;
    if (!loop_.stopping()) handler_->on_refused(refusal, why);
  }

  void take_disconnected() noexcept {
    // libzmq connects again after a broken connection, and says so at once; but after one that
    // broke the protocol, with a wrong server for example, it gives up for ever and does not say
    // so.
    reopen_at_ = std::chrono::steady_clock::now() + options_.reconnect_max;
    if (!connected_) return;
    // What had arrived before comes first. There is an end to it: a server does not speak on a new
    // connection before its client has.
    take_frames(options_.limits.receive_queue);
    set_disconnected();
    if (loop_.stopping() || handler_->wanted()) return;
    unwanted_ = true;
    reopen_at_ = no_deadline;
  }

  void set_connected() noexcept {
    // Lets the socket take notice of its new connection, so that a send finds it.
    static_cast<void>(socket_->readable());
    touched_ = true;
    connected_ = true;
    counters_.connections.set(1);
    if (!loop_.stopping()) handler_->on_connected();
  }

  void set_disconnected() noexcept {
    if (!std::exchange(connected_, false)) return;
    counters_.connections.set(0);
    if (!loop_.stopping()) handler_->on_disconnected();
  }

  /// Returns true when there are no more.
  bool take_frames(int most) noexcept {
    for (int count = 0; count < most; ++count) {
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
    // inproc has no limit of its own.
    if (!connected_ || frame.size() > options_.limits.max_frame_bytes) {
      counters_.refused.add(1);
      return;
    }
    counters_.count_in(frame.size());
    handler_->on_frame(frame);
  }

  Context context_;
  Endpoint endpoint_;
  SocketOptions options_;
  std::shared_ptr<DealerHandler> handler_;
  std::optional<Socket> socket_;
  CounterCells counters_;
  Message message_;
  TransportTime reopen_at_ = no_deadline;  // to replace a socket that does not connect any more
  bool connected_ = false;
  bool announce_ = false;   // inproc: connected, and the handler is to be told
  bool fresh_ = false;      // a new socket, whose descriptors say nothing before it was read once
  bool reconnect_ = false;  // asked for
  bool unwanted_ = false;   // there is no socket until somebody wants one
  bool drained_ = false;
  bool touched_ = false;  // the socket was used since it last said that there is nothing to read
  Loop loop_;
};

DealerTransport::DealerTransport(Context context, DealerOptions options)
    : core_(std::make_shared<Core>(std::move(context), options)) {}

DealerTransport::~DealerTransport() { end(core_, default_stop_timeout); }

void DealerTransport::start(std::shared_ptr<DealerHandler> handler) {
  if (handler == nullptr) throw Error(Errc::invalid_argument, "a transport needs a handler");
  core_->loop().start(core_, "am-dealer", [&] { core_->open(std::move(handler)); });
}

void DealerTransport::wake() noexcept { core_->loop().wake(); }

TransportCounters DealerTransport::counters() const noexcept { return core_->counters(); }

bool DealerTransport::stop(std::chrono::milliseconds timeout) {
  return core_->loop().stop(timeout);
}

void DealerTransport::await(Arrival& arrival, TransportTime deadline) noexcept {
  const auto core = core_;  // this object may be gone before the arrival
  core->loop().await(arrival, deadline);
}

bool DealerTransport::in_turn() const noexcept {
  return core_->loop().in_turn() || core_->loop().on_own_thread();
}

SendStatus DealerTransport::send(FrameView frame) noexcept { return core_->send(frame); }

void DealerTransport::reconnect() noexcept { core_->reconnect(); }

}  // namespace am::rpc::internal
