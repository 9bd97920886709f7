// TCP sockets of this computer.
#pragma once

#include "harness.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <cstdint>

namespace bench {

inline sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

inline void set_no_delay(int socket) {
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/// A listening socket at any free port, which it stores in `port`.
inline int listen_anywhere(std::uint16_t& port) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto address = loopback(0);
  socklen_t size = sizeof address;
  auto* const plain = reinterpret_cast<sockaddr*>(&address);
  require(bind(listener, plain, size) == 0 && listen(listener, 8) == 0, "cannot listen");
  require(getsockname(listener, plain, &size) == 0, "no address");
  port = ntohs(address.sin_port);
  return listener;
}

inline int connect_to(std::uint16_t port) {
  const int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto address = loopback(port);
  require(connect(connection, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0,
          "cannot connect");
  set_no_delay(connection);
  return connection;
}

}  // namespace bench
