// Wakes a thread after a while, unless it is put off before.
#pragma once

#include <chrono>

namespace am::rpc::internal {

/// A timer descriptor. One thread waits for it at a time; any may set it.
class Alarm {
 public:
  /// Throws `std::system_error` when the process is out of descriptors.
  Alarm();
  ~Alarm();
  Alarm(Alarm&&) = delete;
  Alarm& operator=(Alarm&&) = delete;

  /// Goes off after `delay`, above zero, and not when it was set to before.
  void set(std::chrono::nanoseconds delay) noexcept;
  /// Blocks until it goes off.
  void wait() noexcept;

 private:
  int timer_;
};

}  // namespace am::rpc::internal
