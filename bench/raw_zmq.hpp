// A DEALER that talks to a ROUTER, without anything of ours: what the transport itself costs.
#pragma once

#include "peer.hpp"

#include <cstddef>
#include <memory>
#include <string>

namespace bench {

class RawZmq {
 public:
  /// To a ROUTER of a peer "zmq", or of this process (inproc).
  explicit RawZmq(const std::string& endpoint);
  ~RawZmq();
  RawZmq(RawZmq&&) = delete;
  RawZmq& operator=(RawZmq&&) = delete;

  void round_trip();
  /// `n` round trips, of which `window` are under way at a time.
  void round_trips(std::size_t n, std::size_t window);
  /// Waits for the peer's next push and returns its number.
  std::uint64_t next_push();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The ROUTER in this process, at an inproc endpoint.
class LocalZmq {
 public:
  explicit LocalZmq(const std::string& endpoint);
  ~LocalZmq();
  LocalZmq(LocalZmq&&) = delete;
  LocalZmq& operator=(LocalZmq&&) = delete;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bench
