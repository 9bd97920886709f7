#include "raw_zmq.hpp"

#include "harness.hpp"
#include "latency.hpp"

#include <array>
#include <cstring>
#include <mutex>
#include <thread>
#include <zmq.hpp>

namespace bench {

namespace {

using Payload = std::array<char, 32>;

zmq::context_t& context() {
  static auto& shared = *new zmq::context_t(1);  // sockets of detached threads outlive main()
  return shared;
}

zmq::socket_t router(const std::string& endpoint) {
  zmq::socket_t socket(context(), zmq::socket_type::router);
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::sndhwm, 0);
  socket.set(zmq::sockopt::rcvhwm, 0);
  socket.bind(endpoint);
  return socket;
}

/// Sends back what comes; a first byte of 'e' ends it.
void echo(zmq::socket_t& socket) {
  while (true) {
    zmq::message_t id;
    zmq::message_t message;
    static_cast<void>(socket.recv(id));
    static_cast<void>(socket.recv(message));
    if (message.size() != 0 && *message.data<char>() == 'e') return;
    socket.send(id, zmq::send_flags::sndmore);
    socket.send(message, zmq::send_flags::none);
  }
}

/// Echoes on one endpoint, and pushes on another: two sockets, as one belongs to one thread.
class ZmqService final : public Service {
 public:
  explicit ZmqService(const std::string& endpoint)
      : echo_(router(endpoint)), push_(router("tcp://127.0.0.1:*")) {
    endpoint_ =
        echo_.get(zmq::sockopt::last_endpoint) + " " + push_.get(zmq::sockopt::last_endpoint);
    std::thread([this] { echo(echo_); }).detach();  // the process leaves without clean-up
  }
  std::string endpoint() const override { return endpoint_; }

  void push(std::uint64_t i, Stamps& stamps) override {
    if (client_.size() == 0) {
      zmq::message_t greeting;
      static_cast<void>(push_.recv(client_));
      static_cast<void>(push_.recv(greeting));
    }
    Payload payload{};
    std::memcpy(payload.data(), &i, sizeof i);
    stamps[i] = shared_now();
    push_.send(zmq::const_buffer(client_.data(), client_.size()), zmq::send_flags::sndmore);
    push_.send(zmq::buffer(payload), zmq::send_flags::none);
  }

 private:
  zmq::socket_t echo_;
  zmq::socket_t push_;
  std::string endpoint_;
  zmq::message_t client_;
};

zmq::socket_t dealer(const std::string& endpoint) {
  zmq::socket_t socket(context(), zmq::socket_type::dealer);
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::sndhwm, 0);
  socket.set(zmq::sockopt::rcvhwm, 0);
  socket.set(zmq::sockopt::rcvtimeo, 20'000);
  socket.connect(endpoint);
  return socket;
}

}  // namespace

std::unique_ptr<Service> make_zmq_service(const std::string& endpoint) {
  return std::make_unique<ZmqService>(endpoint);
}

struct RawZmq::Impl {
  explicit Impl(const std::string& endpoint)
      : echo(dealer(endpoint.substr(0, endpoint.find(' ')))) {
    if (const auto space = endpoint.find(' '); space != std::string::npos) {
      push = dealer(endpoint.substr(space + 1));
      push.send(zmq::str_buffer("hi"), zmq::send_flags::none);
    }
  }
  zmq::socket_t echo;
  zmq::socket_t push;
  Payload payload{};

  void send() { echo.send(zmq::buffer(payload), zmq::send_flags::none); }
  void receive() {
    zmq::message_t answer;
    require(echo.recv(answer).has_value(), "the ZeroMQ peer is gone");
  }
};

RawZmq::RawZmq(const std::string& endpoint) : impl_(std::make_unique<Impl>(endpoint)) {}
RawZmq::~RawZmq() = default;

void RawZmq::round_trip() {
  impl_->send();
  impl_->receive();
}

void RawZmq::round_trips(std::size_t n, std::size_t window) {
  std::size_t sent = 0;
  for (; sent < std::min(n, window); ++sent) impl_->send();
  for (std::size_t received = 0; received < n; ++received) {
    impl_->receive();
    if (sent < n) impl_->send(), ++sent;
  }
}

std::uint64_t RawZmq::next_push() {
  zmq::message_t message;
  require(impl_->push.recv(message).has_value(), "the ZeroMQ peer is gone");
  std::uint64_t i = 0;
  std::memcpy(&i, message.data(), sizeof i);
  return i;
}

struct LocalZmq::Impl {
  explicit Impl(std::string where)
      : endpoint(std::move(where)), socket(router(endpoint)), thread([this] { echo(socket); }) {}
  std::string endpoint;
  zmq::socket_t socket;
  std::thread thread;
};

LocalZmq::LocalZmq(const std::string& endpoint) : impl_(std::make_unique<Impl>(endpoint)) {}

LocalZmq::~LocalZmq() {
  auto socket = dealer(impl_->endpoint);
  socket.send(zmq::str_buffer("e"), zmq::send_flags::none);
  impl_->thread.join();
}

}  // namespace bench
