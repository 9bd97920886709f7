// A TCP connection that sends a message and waits for the answer: as fast as two processes get.
#pragma once

#include <string>

namespace bench {

class RawTcp {
 public:
  /// To the service of a peer "tcp".
  explicit RawTcp(const std::string& endpoint);
  ~RawTcp();
  RawTcp(RawTcp&&) = delete;
  RawTcp& operator=(RawTcp&&) = delete;

  void round_trip();

 private:
  int socket_ = -1;
};

}  // namespace bench
