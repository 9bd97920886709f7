#include <am/error.hpp>
#include <am/rpc/internal/transport/curve.hpp>
#include <am/rpc/internal/transport/socket.hpp>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstring>
#include <system_error>
#include <zmq.hpp>

namespace am::rpc::internal {

static_assert(sizeof(zmq_msg_t) == 64 && alignof(zmq_msg_t) <= 8);

namespace {

/// A routing id that libzmq made: a zero byte and the socket's counter.
constexpr std::size_t routing_id_bytes = 5;

// Both are older than libzmq 4.3 but named in its draft headers only.
constexpr int zap_enforce_domain = 93;
constexpr const char* user_id_property = "User-Id";

zmq_msg_t* native(std::byte* storage) noexcept { return reinterpret_cast<zmq_msg_t*>(storage); }

zmq_msg_t* native(const std::byte* storage) noexcept {
  // zmq_msg_data and zmq_msg_gets take what they only read as mutable or const, by age.
  return native(const_cast<std::byte*>(storage));
}

/// Repeats a libzmq call that a signal interrupted.
template <class Call>
int retried(Call&& call) noexcept {
  int result = 0;
  do {
    result = call();
  } while (result < 0 && errno == EINTR);
  return result;
}

[[noreturn]] void fail(const std::string& what, const zmq::error_t& error) {
  // libzmq has numbers of its own, which no category knows; its text does.
  const bool own = error.num() >= ZMQ_HAUSNUMERO;
  throw std::system_error(error.num(), std::generic_category(),
                          own ? what + ": " + error.what() : what);
}

/// True when a live server listens at the path: libzmq would unlink it and take over.
bool ipc_in_use(const std::string& path) noexcept {
  sockaddr_un address{};
  if (path.empty() || path.size() >= sizeof address.sun_path || path.front() == '@') return false;
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return false;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  const int result = connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const bool live = result == 0 || errno == EAGAIN;
  close(probe);
  return live;
}

int milliseconds(std::chrono::milliseconds value) { return static_cast<int>(value.count()); }

void check_duration(const char* name, std::chrono::milliseconds value, int least) {
  if (value.count() < least || value.count() > INT_MAX) {
    throw Error(Errc::invalid_argument, std::string{name} + " is " + std::to_string(value.count()) +
                                            " ms; use at least " + std::to_string(least));
  }
}

void check_count(const char* name, int value) {
  if (value < 1) {
    throw Error(Errc::invalid_argument,
                std::string{name} + " is " + std::to_string(value) + "; use at least 1");
  }
}

/// The key is copied by libzmq, into the socket and each of its connections.
void set_keys(zmq::socket_t& socket, Socket::Kind kind, const SocketOptions& options) {
  const auto set = [&](int option, const void* value, std::size_t size) {
    if (zmq_setsockopt(socket.handle(), option, value, size) != 0) throw zmq::error_t();
  };
  set(ZMQ_CURVE_SECRETKEY, options.key.bytes(), key_bytes);
  if (kind == Socket::Kind::router) {
    const int on = 1;
    set(ZMQ_CURVE_SERVER, &on, sizeof on);
    // Without an answer for the domain nobody comes in; else everybody would.
    set(zap_enforce_domain, &on, sizeof on);
  } else {
    set(ZMQ_CURVE_PUBLICKEY, options.key.public_key().bytes().data(), key_bytes);
    set(ZMQ_CURVE_SERVERKEY, options.server_key.bytes().data(), key_bytes);
  }
}

}  // namespace

void check(const SocketOptions& options) {
  if (options.limits.max_frame_bytes < 1 || options.limits.max_frame_bytes > INT_MAX) {
    throw Error(Errc::invalid_argument, "max_frame_bytes is " +
                                            std::to_string(options.limits.max_frame_bytes) +
                                            "; use 1 to 2147483647");
  }
  check_count("send_queue", options.limits.send_queue);
  check_count("receive_queue", options.limits.receive_queue);
  check_count("backlog", options.backlog);
  check_duration("linger", options.limits.linger, 0);
  check_duration("handshake_timeout", options.handshake_timeout, 1);
  check_duration("connect_timeout", options.connect_timeout, 1);
  check_duration("reconnect_min", options.reconnect_min, 1);
  check_duration("reconnect_max", options.reconnect_max, 1);
  check_duration("heartbeat_interval", options.heartbeat_interval, 0);
  check_duration("heartbeat_timeout", options.heartbeat_timeout, 0);
  if (options.reconnect_max < options.reconnect_min) {
    throw Error(Errc::invalid_argument, "reconnect_max is less than reconnect_min");
  }
}

// -- Message -------------------------------------------------------------------------------------

Message::Message() noexcept { zmq_msg_init(native(storage_)); }

Message::~Message() { zmq_msg_close(native(storage_)); }

FrameView Message::frame() const noexcept {
  const auto* message = native(storage_);
  return {static_cast<const std::byte*>(zmq_msg_data(native(storage_))), zmq_msg_size(message)};
}

int Message::source_descriptor() const noexcept { return zmq_msg_get(native(storage_), ZMQ_SRCFD); }

PublicKey Message::sender_key() const noexcept {
  const char* const user = zmq_msg_gets(native(storage_), user_id_property);
  const auto bytes = decode_z85(user == nullptr ? std::string_view{} : std::string_view{user});
  return bytes ? PublicKey(*bytes) : PublicKey{};
}

// -- Socket --------------------------------------------------------------------------------------

struct Socket::Impl {
  Impl(zmq::context_t& context, Kind socket_kind)
      : kind(socket_kind),
        socket(context, kind == Kind::router ? zmq::socket_type::router : zmq::socket_type::dealer),
        monitor(context, zmq::socket_type::pair) {}

  Kind kind;
  std::size_t max_frame_bytes = 0;
  zmq::socket_t socket;
  zmq::socket_t monitor;
  int descriptor = -1;
  int monitor_descriptor = -1;
  std::string inproc_name{};  ///< what it is bound to within the process
};

Socket::Socket(const Context& context, Kind kind, const SocketOptions& options) {
  try {
    impl_ = std::make_unique<Impl>(*static_cast<zmq::context_t*>(context.native()), kind);
    auto& socket = impl_->socket;
    const auto& limits = options.limits;
    impl_->max_frame_bytes = limits.max_frame_bytes;
    socket.set(zmq::sockopt::linger, milliseconds(limits.linger));
    socket.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(limits.max_frame_bytes));
    socket.set(zmq::sockopt::sndhwm, limits.send_queue);
    socket.set(zmq::sockopt::rcvhwm, limits.receive_queue);
    socket.set(zmq::sockopt::handshake_ivl, milliseconds(options.handshake_timeout));
    if (options.heartbeat_interval.count() > 0) {
      socket.set(zmq::sockopt::heartbeat_ivl, milliseconds(options.heartbeat_interval));
      socket.set(zmq::sockopt::heartbeat_timeout, milliseconds(options.heartbeat_timeout));
    }
    // With a domain, libzmq turns away peers of ZMTP 1.0 and 2.0, which it must: 4.3.4 takes
    // garbage for such a peer, and then aborts the process ("zmtp_engine.cpp:446") when it closes
    // early.
    socket.set(zmq::sockopt::zap_domain, options.zap_domain);
    if (options.key) set_keys(socket, kind, options);
    if (kind == Kind::router) {
      socket.set(zmq::sockopt::router_mandatory, true);
      socket.set(zmq::sockopt::backlog, options.backlog);
    } else {
      socket.set(zmq::sockopt::immediate, true);
      socket.set(zmq::sockopt::connect_timeout, milliseconds(options.connect_timeout));
      socket.set(zmq::sockopt::reconnect_ivl, milliseconds(options.reconnect_min));
      socket.set(zmq::sockopt::reconnect_ivl_max, milliseconds(options.reconnect_max));
    }

    static std::atomic<unsigned> monitors{0};
    const std::string name = "inproc://am-monitor-" + std::to_string(monitors.fetch_add(1));
    const int events = kind == Kind::router
                           ? ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED
                           : ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED |
                                 ZMQ_EVENT_CONNECT_RETRIED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                                 ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                                 ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL;
    if (zmq_socket_monitor(socket.handle(), name.c_str(), events) != 0) throw zmq::error_t();
    // Unlimited, because libzmq's I/O thread, which serves every socket, would wait for room. What
    // piles up while a handler call hangs is bounded by the rate at which peers connect.
    impl_->monitor.set(zmq::sockopt::rcvhwm, 0);
    impl_->monitor.set(zmq::sockopt::linger, 0);
    impl_->monitor.connect(name);
    impl_->descriptor = static_cast<int>(socket.get(zmq::sockopt::fd));
    impl_->monitor_descriptor = static_cast<int>(impl_->monitor.get(zmq::sockopt::fd));
  } catch (const zmq::error_t& error) {
    if (impl_ != nullptr) zmq_socket_monitor(impl_->socket.handle(), nullptr, 0);
    fail("cannot make a ZeroMQ socket", error);
  }
}

Socket::~Socket() {
  // First of all, else libzmq's I/O thread may wait for ever for a reader of its events.
  zmq_socket_monitor(impl_->socket.handle(), nullptr, 0);
  // Else the name is free only after libzmq has done away with the socket, some time after this.
  if (!impl_->inproc_name.empty()) {
    zmq_unbind(impl_->socket.handle(), impl_->inproc_name.c_str());
  }
}

void Socket::bind(const Endpoint& endpoint) {
  const std::string what = "cannot bind " + endpoint.text;
  if (endpoint.kind == Endpoint::Kind::ipc && ipc_in_use(endpoint.address)) {
    throw std::system_error(EADDRINUSE, std::generic_category(), what);
  }
  try {
    if (endpoint.ipv6) impl_->socket.set(zmq::sockopt::ipv6, true);
    impl_->socket.bind(endpoint.text);
    if (endpoint.kind == Endpoint::Kind::inproc) impl_->inproc_name = endpoint.text;
  } catch (const zmq::error_t& error) {
    fail(what, error);
  }
}

void Socket::connect(const Endpoint& endpoint) {
  try {
    if (endpoint.ipv6) impl_->socket.set(zmq::sockopt::ipv6, true);
    impl_->socket.connect(endpoint.text);
  } catch (const zmq::error_t& error) {
    fail("cannot connect to " + endpoint.text, error);
  }
}

std::string Socket::bound_endpoint() const {
  return impl_->socket.get(zmq::sockopt::last_endpoint);
}

int Socket::descriptor() const noexcept { return impl_->descriptor; }

int Socket::monitor_descriptor() const noexcept { return impl_->monitor_descriptor; }

bool Socket::readable() noexcept {
  int events = 0;
  std::size_t size = sizeof events;
  const int result =
      retried([&] { return zmq_getsockopt(impl_->socket.handle(), ZMQ_EVENTS, &events, &size); });
  return result == 0 && (events & ZMQ_POLLIN) != 0;
}

Received Socket::receive(Message& message) noexcept {
  void* const socket = impl_->socket.handle();
  zmq_msg_t* const part = native(message.storage_);
  const auto next = [&] {
    return retried([&] { return zmq_msg_recv(part, socket, ZMQ_DONTWAIT); });
  };
  if (next() < 0) return Received::nothing;
  bool good = true;
  if (impl_->kind == Kind::router) {
    const auto* id = static_cast<const std::byte*>(zmq_msg_data(part));
    good = zmq_msg_size(part) == routing_id_bytes && id[0] == std::byte{0} && zmq_msg_more(part);
    if (good) std::memcpy(&message.routing_, id + 1, sizeof message.routing_);
    if (zmq_msg_more(part) && next() < 0) return Received::refused;
  }
  // A message arrives as a whole, so its other parts are there; more than one is not for us.
  while (zmq_msg_more(part)) {
    good = false;
    if (next() < 0) break;
  }
  return good ? Received::frame : Received::refused;
}

SendStatus Socket::send(FrameView frame) noexcept {
  if (frame.size() > impl_->max_frame_bytes) return SendStatus::too_large;
  void* const socket = impl_->socket.handle();
  for (bool again = true;; again = false) {
    const int result =
        retried([&] { return zmq_send(socket, frame.data(), frame.size(), ZMQ_DONTWAIT); });
    if (result >= 0) return SendStatus::sent;
    if (errno != EAGAIN) return SendStatus::peer_gone;
    // A send notices only now and then that there is room again; `readable` makes it look.
    if (!again) return SendStatus::would_block;
    static_cast<void>(readable());
  }
}

SendStatus Socket::send(RoutingId to, FrameView frame) noexcept {
  if (frame.size() > impl_->max_frame_bytes) return SendStatus::too_large;
  void* const socket = impl_->socket.handle();
  std::array<std::byte, routing_id_bytes> id{};
  std::memcpy(id.data() + 1, &to, sizeof to);
  for (bool again = true;; again = false) {
    const int result =
        retried([&] { return zmq_send(socket, id.data(), id.size(), ZMQ_SNDMORE | ZMQ_DONTWAIT); });
    if (result >= 0) break;
    if (errno != EAGAIN) return SendStatus::peer_gone;
    if (!again) return SendStatus::would_block;
    static_cast<void>(readable());
  }
  // Whether there is room was decided with the first part.
  const int result =
      retried([&] { return zmq_send(socket, frame.data(), frame.size(), ZMQ_DONTWAIT); });
  return result >= 0 ? SendStatus::sent : SendStatus::peer_gone;
}

std::optional<Socket::Event> Socket::next_event() noexcept {
  void* const monitor = impl_->monitor.handle();
  // An event is its number (16 bits) and value (32 bits), then the endpoint in a part of its own.
  std::array<std::byte, 6> event{};
  const int size =
      retried([&] { return zmq_recv(monitor, event.data(), event.size(), ZMQ_DONTWAIT); });
  if (size < 0) return std::nullopt;
  std::array<std::byte, 1> endpoint{};
  retried([&] { return zmq_recv(monitor, endpoint.data(), endpoint.size(), ZMQ_DONTWAIT); });
  std::uint16_t number = 0;
  std::int32_t value = 0;
  std::memcpy(&number, event.data(), sizeof number);
  std::memcpy(&value, event.data() + sizeof number, sizeof value);
  switch (number) {
    case ZMQ_EVENT_ACCEPTED: return Event{Event::Kind::accepted, value};
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED: return Event{Event::Kind::ready, value};
    case ZMQ_EVENT_CONNECT_RETRIED: return Event{Event::Kind::retrying, value};
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH: return Event{Event::Kind::refused, value};
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL: return Event{Event::Kind::mismatched, value};
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL: return Event{Event::Kind::broken_off, value};
    default: return Event{Event::Kind::disconnected, value};
  }
}

}  // namespace am::rpc::internal
