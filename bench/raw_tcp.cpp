#include "raw_tcp.hpp"

#include "loopback.hpp"
#include "peer.hpp"

#include <unistd.h>
#include <array>
#include <charconv>
#include <thread>

namespace bench {

namespace {

using Message = std::array<char, 32>;

bool receive(int socket, Message& message) {
  return recv(socket, message.data(), message.size(), MSG_WAITALL) ==
         static_cast<ssize_t>(message.size());
}

bool send(int socket, const Message& message) {
  return ::send(socket, message.data(), message.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(message.size());
}

/// Sends back what comes, on one connection at a time.
class TcpService final : public Service {
 public:
  TcpService() {
    std::uint16_t port = 0;
    const int listening = listen_anywhere(port);
    endpoint_ = std::to_string(port);
    std::thread([listening] {
      while (true) {
        const int connection = accept(listening, nullptr, nullptr);
        if (connection < 0) return;
        set_no_delay(connection);
        for (Message message; receive(connection, message) && send(connection, message);) {
        }
        close(connection);
      }
    }).detach();
  }
  std::string endpoint() const override { return endpoint_; }

 private:
  std::string endpoint_;
};

}  // namespace

std::unique_ptr<Service> make_tcp_service() { return std::make_unique<TcpService>(); }

RawTcp::RawTcp(const std::string& endpoint) {
  std::uint16_t port = 0;
  std::from_chars(endpoint.data(), endpoint.data() + endpoint.size(), port);
  socket_ = connect_to(port);
}

RawTcp::~RawTcp() { close(socket_); }

void RawTcp::round_trip() {
  Message message{};
  require(send(socket_, message) && receive(socket_, message), "the TCP peer is gone");
}

}  // namespace bench
