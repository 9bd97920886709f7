// Counts what goes over a TCP connection.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

namespace bench {

/// Forwards one loopback connection to a server and counts the bytes, both ways, with all that
/// ZeroMQ adds. Serves until it is destroyed.
class Meter {
 public:
  /// `endpoint` is the server's, "tcp://127.0.0.1:PORT".
  explicit Meter(const std::string& endpoint);
  ~Meter();
  Meter(Meter&&) = delete;
  Meter& operator=(Meter&&) = delete;

  /// Where to connect instead.
  const std::string& endpoint() const noexcept { return endpoint_; }
  std::uint64_t to_server() const noexcept { return to_server_; }
  std::uint64_t to_client() const noexcept { return to_client_; }
  std::uint64_t bytes() const noexcept { return to_server() + to_client(); }

 private:
  void forward(std::uint16_t port);

  int listener_ = -1;
  int end_ = -1;  ///< an eventfd, readable at the end
  std::string endpoint_;
  std::atomic<std::uint64_t> to_server_{0};
  std::atomic<std::uint64_t> to_client_{0};
  std::thread thread_;
};

}  // namespace bench
