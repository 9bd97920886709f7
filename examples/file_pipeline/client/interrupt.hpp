// Ctrl-C as a stop token.
#pragma once

#include <atomic>
#include <stop_token>
#include <thread>

namespace file_pipeline {

/// While one exists, the first SIGINT or SIGTERM triggers `token`, and the second one ends the
/// process. Make it before all other threads, which inherit that these signals are blocked.
class Interrupt {
 public:
  Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;
  ~Interrupt();

  std::stop_token token() const noexcept { return source_.get_token(); }

 private:
  std::stop_source source_;
  std::atomic<bool> over_ = false;
  std::thread thread_;
};

}  // namespace file_pipeline
