// Where one thread waits for something that another brings.
#pragma once

#include <am/rpc/internal/transport/types.hpp>

#include <atomic>
#include <cstdint>

namespace am::rpc::internal {

/// Happens once. One thread waits, another one tells it; a system call only when it sleeps.
class Arrival {
 public:
  /// What was written before `arrive` is visible after true.
  bool arrived() const noexcept { return state_.load(std::memory_order_acquire) == here; }
  /// Once. Any thread.
  void arrive() noexcept;
  /// Blocks; false when `deadline` came first.
  bool wait_until(TransportTime deadline) noexcept;

 private:
  enum State : std::uint32_t { coming, awaited, here };

  std::atomic<std::uint32_t> state_{coming};
};

}  // namespace am::rpc::internal
