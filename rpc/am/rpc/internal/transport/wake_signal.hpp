// Wakes one sleeping thread from many others, at the cost of a system call only when it sleeps.
#pragma once

#include <atomic>

namespace am::rpc::internal {

/// A flag with a descriptor to sleep on. One thread (or one at a time) sleeps, any may wake it.
///
///   sleeper: loop { if (take()) work(); if (begin_sleep()) poll(descriptor()); }
///
/// A `wake` that comes after a `take` is seen by the next `take`, and no `poll` in between blocks.
class WakeSignal {
 public:
  /// Throws `std::system_error` when the process is out of descriptors.
  WakeSignal();
  ~WakeSignal();
  WakeSignal(WakeSignal&&) = delete;
  WakeSignal& operator=(WakeSignal&&) = delete;

  /// Any thread. What the caller wrote before is visible to the sleeper after its next `take`.
  void wake() noexcept;

  /// Sleeper only: false when a wake came since the last `take`; then do not sleep.
  bool begin_sleep() noexcept;
  /// Sleeper only: ends a sleep, and returns whether there was a wake since the last `take`.
  bool take() noexcept;
  /// Sleeper only: call when `poll` says that the descriptor is readable.
  void clear() noexcept;
  /// Readable while a sleeper should get up.
  int descriptor() const noexcept { return descriptor_; }

 private:
  enum State : int { awake, asleep, woken };

  std::atomic<int> state_{awake};
  int descriptor_;
};

}  // namespace am::rpc::internal
