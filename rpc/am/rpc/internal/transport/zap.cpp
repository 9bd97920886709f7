#include <am/rpc/internal/transport/signals_blocked.hpp>
#include <am/rpc/internal/transport/zap.hpp>

#include <pthread.h>
#include <unistd.h>
#include <zmq.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <system_error>
#include <zmq.hpp>

namespace am::rpc::internal {

namespace {

/// Where libzmq asks.
constexpr const char* zap_endpoint = "inproc://zeromq.zap.01";

/// The parts of a request, in this order. What follows the mechanism is up to it: CURVE sends the
/// client's public key.
enum Part : std::size_t { version, request_id, domain, address, identity, mechanism, credentials };
constexpr std::size_t part_count = 7;

/// One part, without memory of its own. One that is longer is cut, and then no part matches.
struct Frame {
  std::array<char, 256> data{};
  std::size_t size = 0;

  std::string_view view() const noexcept { return {data.data(), size}; }
};

struct Request {
  std::array<Frame, part_count> parts{};
  std::size_t count = 0;  ///< parts that came
};

/// False once the context ends.
bool receive(void* socket, Request& request) noexcept {
  request.count = 0;
  Frame rest;
  bool more = true;
  while (more) {
    auto& part = request.count < part_count ? request.parts[request.count] : rest;
    const int size = zmq_recv(socket, part.data.data(), part.data.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return false;
    part.size = std::min(static_cast<std::size_t>(size), part.data.size());
    ++request.count;
    int flag = 0;
    std::size_t length = sizeof flag;
    if (zmq_getsockopt(socket, ZMQ_RCVMORE, &flag, &length) != 0) return false;
    more = flag != 0;
  }
  return true;
}

bool send(void* socket, std::span<const std::string_view> parts) noexcept {
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const int flags = i + 1 < parts.size() ? ZMQ_SNDMORE : 0;
    int result = 0;
    do {
      result = zmq_send(socket, parts[i].data(), parts[i].size(), flags);
    } while (result < 0 && errno == EINTR);
    if (result < 0) return false;
  }
  return true;
}

}  // namespace

struct ZapResponder::Socket {
  explicit Socket(zmq::context_t& context) : socket(context, zmq::socket_type::rep) {
    socket.set(zmq::sockopt::linger, 0);
    socket.bind(zap_endpoint);
  }
  zmq::socket_t socket;
};

ZapResponder::ZapResponder(void* context) : owner_(getpid()) {
  try {
    socket_ = std::make_unique<Socket>(*static_cast<zmq::context_t*>(context));
  } catch (const zmq::error_t& error) {
    throw std::system_error(error.num(), std::generic_category(), "cannot check keys of peers");
  }
  const SignalsBlocked blocked;
  thread_ = std::thread([this] { run(); });
}

ZapResponder::~ZapResponder() {
  if (owner_ != getpid()) {
    static_cast<void>(socket_.release());
    new std::thread(std::move(thread_));
    return;
  }
  thread_.join();
}

std::string ZapResponder::open(const std::vector<PublicKey>& keys) {
  const std::scoped_lock lock(mutex_);
  auto name = std::string{plain_domain} + "." + std::to_string(++last_domain_);
  domains_.emplace(name, std::set<PublicKey>(keys.begin(), keys.end()));
  return name;
}

void ZapResponder::replace(const std::string& name, const std::vector<PublicKey>& keys) {
  std::set<PublicKey> fresh(keys.begin(), keys.end());
  const std::scoped_lock lock(mutex_);
  const auto found = domains_.find(name);
  if (found != domains_.end()) found->second.swap(fresh);
}

void ZapResponder::close(const std::string& name) noexcept {
  const std::scoped_lock lock(mutex_);
  domains_.erase(name);
}

bool ZapResponder::admits(std::string_view domain, std::string_view mechanism,
                          std::string_view credentials) noexcept {
  if (domain == plain_domain) return mechanism == "NULL";
  if (mechanism != "CURVE" || credentials.size() != key_bytes) return false;
  std::array<std::byte, key_bytes> bytes{};
  std::memcpy(bytes.data(), credentials.data(), bytes.size());
  const PublicKey key(bytes);
  const std::scoped_lock lock(mutex_);
  const auto found = domains_.find(domain);
  return key && found != domains_.end() && found->second.contains(key);
}

void ZapResponder::run() noexcept {
  pthread_setname_np(pthread_self(), "am-keys");
  void* const socket = socket_->socket.handle();
  Request request;
  while (receive(socket, request)) {
    const auto& parts = request.parts;
    // Without keys there are no credentials.
    const bool plain = request.count == part_count - 1;
    const bool readable = (plain || request.count == part_count) && parts[version].view() == "1.0";
    const auto key = plain ? std::string_view{} : parts[credentials].view();
    const bool admitted = readable && admits(parts[domain].view(), parts[mechanism].view(), key);
    // The user id comes with every message of the peer.
    std::array<char, key_text_size + 1> user{};
    if (admitted && !plain) {
      zmq_z85_encode(user.data(), reinterpret_cast<const std::uint8_t*>(key.data()), key.size());
    }
    const std::array<std::string_view, 6> reply{
        "1.0",
        request.count > request_id ? parts[request_id].view() : std::string_view{},
        admitted ? "200" : "400",
        admitted ? "" : "the key is not on the list",
        user.data(),
        ""};
    if (!send(socket, reply)) break;
  }
  socket_.reset();
}

}  // namespace am::rpc::internal
