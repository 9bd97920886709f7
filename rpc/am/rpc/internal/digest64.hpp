// The digest of a payload, end to end: XXH64 with seed 0.
#pragma once

#include <am/rpc/internal/bytes.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace am::rpc::internal {

/// A digest that grows with what is added; a copy is a point to come back to. No allocation. Not
/// thread-safe.
class Digest64 {
 public:
  Digest64() noexcept;
  /// O(bytes), some GB/s.
  void add(ByteView bytes) noexcept;
  /// Of all that was added so far.
  std::uint64_t value() const noexcept;

 private:
  alignas(8) std::array<std::byte, 88> state_;
};

}  // namespace am::rpc::internal
