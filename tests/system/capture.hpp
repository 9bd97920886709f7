// What two peers say over TCP, taken down on the way.
#pragma once

#include <am/rpc/loopback_test.hpp>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

namespace system_test {

using am::rpc::testing::loopback;

/// Passes one connection on to a port of this host and keeps the bytes of both directions.
class Capture {
 public:
  /// Listens; the connection is made when a client comes. `server_port` is where it is led.
  explicit Capture(std::uint16_t server_port) : server_port_(server_port) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    auto address = loopback(0);
    socklen_t size = sizeof address;
    auto* const name = reinterpret_cast<sockaddr*>(&address);
    if (listener_ < 0 || bind(listener_, name, size) != 0 || listen(listener_, 1) != 0 ||
        getsockname(listener_, name, &size) != 0) {
      throw std::runtime_error("cannot listen on loopback");
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }
  ~Capture() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
    close(listener_);
  }
  Capture(Capture&&) = delete;
  Capture& operator=(Capture&&) = delete;

  std::string endpoint() const { return "tcp://127.0.0.1:" + std::to_string(port_); }
  /// Blocks until one side has closed; what was said can be read afterwards.
  void finish() { thread_.join(); }
  const std::string& from_client() const { return said_[0]; }
  const std::string& from_server() const { return said_[1]; }

 private:
  static bool readable(int first, int second, const std::stop_token& stop,
                       std::array<pollfd, 2>& fds) {
    fds = {pollfd{first, POLLIN, 0}, pollfd{second, POLLIN, 0}};
    while (!stop.stop_requested()) {
      // Wakes up to look at the token only.
      if (poll(fds.data(), second < 0 ? 1 : 2, 50) > 0) return true;
    }
    return false;
  }

  void run(const std::stop_token& stop) {
    std::array<pollfd, 2> fds{};
    if (!readable(listener_, -1, stop, fds)) return;
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto address = loopback(server_port_);
    if (connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
      while (readable(client, server, stop, fds)) {
        if (fds[0].revents != 0 && !pass(client, server, said_[0])) break;
        if (fds[1].revents != 0 && !pass(server, client, said_[1])) break;
      }
    }
    close(server);
    close(client);
  }

  static bool pass(int from, int to, std::string& said) {
    std::array<char, 4096> bytes{};
    const auto size = recv(from, bytes.data(), bytes.size(), 0);
    if (size <= 0) return false;
    said.append(bytes.data(), static_cast<std::size_t>(size));
    return send(to, bytes.data(), static_cast<std::size_t>(size), MSG_NOSIGNAL) == size;
  }

  std::uint16_t server_port_;
  std::uint16_t port_ = 0;
  int listener_ = -1;
  std::array<std::string, 2> said_;
  std::jthread thread_;
};

}  // namespace system_test
