// Connections that speak TCP or ZMTP by hand, to do what ZeroMQ would not.
#pragma once

#include <am/rpc/loopback_test.hpp>

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace am::rpc::internal::testing {

/// A TCP connection without ZeroMQ.
class PlainSocket {
 public:
  explicit PlainSocket(const std::string& endpoint)
      : descriptor_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const auto address = rpc::testing::loopback(rpc::testing::port_of(endpoint));
    const timeval limit{.tv_sec = 20, .tv_usec = 0};  // nothing here hangs
    setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(descriptor_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    open_ = connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~PlainSocket() { close(descriptor_); }
  PlainSocket(PlainSocket&&) = delete;
  PlainSocket& operator=(PlainSocket&&) = delete;

  bool open() const { return open_; }
  /// False when the other side has closed.
  bool write(std::string_view data) const {
    while (!data.empty()) {
      const auto count = ::send(descriptor_, data.data(), data.size(), MSG_NOSIGNAL);
      if (count < 0) return false;
      data.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }
  /// False when the other side closes before `count` bytes have come.
  bool read(std::size_t count) const {
    std::string data(count, '\0');
    return recv(descriptor_, data.data(), count, MSG_WAITALL) == static_cast<ssize_t>(count);
  }

 private:
  int descriptor_;
  bool open_ = false;
};

/// Greeting and READY command of a ZMTP 3.0 DEALER without security.
inline std::string zmtp_hello() {
  std::string hello = "\xff" + std::string(8, '\0') + "\x7f\x03" + std::string(1, '\0') + "NULL";
  hello.resize(64, '\0');
  const std::string ready =
      std::string("\x05READY\x0bSocket-Type", 18) + std::string("\0\0\0\x06", 4) + "DEALER";
  return hello + '\x04' + static_cast<char>(ready.size()) + ready;
}

/// A connection that does the handshake by hand.
class ZmtpSocket : public PlainSocket {
 public:
  explicit ZmtpSocket(const std::string& endpoint) : PlainSocket(endpoint) {
    write(zmtp_hello());
    // The server's greeting and READY, which has an empty identity besides its type.
    constexpr std::size_t answer = 64 + 43;
    ready_ = open() && read(answer);
  }
  bool ready() const { return ready_; }

 private:
  bool ready_ = false;
};

inline std::string short_frame(std::string_view data, bool more = false) {
  return std::string{more ? '\x01' : '\0'} + static_cast<char>(data.size()) + std::string{data};
}

}  // namespace am::rpc::internal::testing
