// The other process of a measurement: this program again, as a server.
#pragma once

#include <sys/types.h>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace bench {

/// When events happened in the peer: memory that both processes see. Event `i` overwrites what
/// event `i - size` left.
struct Stamps {
  static constexpr std::size_t size = 4096;
  std::atomic<std::int64_t> at[size];
  std::atomic<std::int64_t>& operator[](std::uint64_t i) noexcept { return at[i % size]; }
};

/// A child process that serves until this object ends, or this process does, however that happens.
class Peer {
 public:
  /// Starts `am-bench peer KIND ENDPOINT` and waits until it says where it can be reached. Throws
  /// `std::runtime_error` when it does not.
  explicit Peer(const std::string& kind, const std::string& endpoint = "tcp://127.0.0.1:*");
  ~Peer();
  Peer(Peer&&) = delete;
  Peer& operator=(Peer&&) = delete;

  const std::string& endpoint() const noexcept { return endpoint_; }
  Stamps& stamps() noexcept { return *stamps_; }
  /// Has the peer do `count` times what it does by itself, one per millisecond.
  void push(std::size_t count);
  /// Nanoseconds of processor time that it has used.
  std::int64_t cpu_ns() const;

 private:
  void end() noexcept;

  pid_t pid_ = -1;
  int commands_ = -1;
  int answers_ = -1;
  std::string endpoint_;
  Stamps* stamps_ = nullptr;
};

/// What a peer does, made in the child.
class Service {
 public:
  virtual ~Service() = default;
  virtual std::string endpoint() const = 0;
  /// The `i`-th event that the peer makes by itself. Stamps itself right before.
  virtual void push(std::uint64_t i, Stamps& stamps) {
    static_cast<void>(i), static_cast<void>(stamps);
  }
};

/// The services, one maker for each transport.
std::unique_ptr<Service> make_tcp_service();
std::unique_ptr<Service> make_zmq_service(const std::string& endpoint);
std::unique_ptr<Service> make_machine_service(const std::string& endpoint);
/// Null when gRPC is not built in.
std::unique_ptr<Service> make_grpc_service();

/// `am-bench peer KIND ENDPOINT`: serves until standard input ends, then leaves without clean-up.
[[noreturn]] void run_peer(const std::string& kind, const std::string& endpoint);

}  // namespace bench
