// Counters with one writing thread and any number of readers.
#pragma once

#include <am/rpc/internal/transport/types.hpp>

#include <atomic>

namespace am::rpc::internal {

/// One figure. Written by the thread that has the turn, read by any: no locked instruction.
class CounterCell {
 public:
  void add(std::uint64_t amount) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  void set(std::uint64_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
  std::uint64_t load() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// The live form of `TransportCounters`.
struct CounterCells {
  CounterCell frames_in;
  CounterCell frames_out;
  CounterCell bytes_in;
  CounterCell bytes_out;
  CounterCell refused;
  CounterCell closed;
  CounterCell would_block;
  CounterCell connections;

  void count_in(std::size_t frame_bytes) noexcept {
    frames_in.add(1);
    bytes_in.add(wire_bytes(frame_bytes));
  }
  void count_out(std::size_t frame_bytes) noexcept {
    frames_out.add(1);
    bytes_out.add(wire_bytes(frame_bytes));
  }
  TransportCounters load() const noexcept {
    return {.frames_in = frames_in.load(),
            .frames_out = frames_out.load(),
            .bytes_in = bytes_in.load(),
            .bytes_out = bytes_out.load(),
            .refused = refused.load(),
            .closed = closed.load(),
            .would_block = would_block.load(),
            .connections = connections.load()};
  }
};

}  // namespace am::rpc::internal
