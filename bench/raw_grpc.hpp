// gRPC C++, the peer that remote mutations are compared with; built when its packages are there.
#pragma once

#include <memory>
#include <string>

namespace bench {

class RawGrpc {
 public:
  virtual ~RawGrpc() = default;
  /// A unary call. Any thread.
  virtual void call() = 0;
  /// A message on a bidirectional stream, and its answer. By one thread.
  virtual void talk() = 0;
  /// Waits for the peer's next push, on a server stream, and returns its number.
  virtual std::uint64_t next_push() = 0;
};

/// To a peer "grpc"; null when gRPC is not built in.
std::unique_ptr<RawGrpc> make_grpc(const std::string& endpoint);
bool has_grpc() noexcept;

}  // namespace bench
