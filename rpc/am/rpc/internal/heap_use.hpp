// For tests: how much memory a piece of code asks for. Replaces operator new of the test program.
#pragma once

#include <cstddef>

namespace am::rpc::testing {

/// Counts what its thread takes from the heap, in bytes, freed again or not. One at a time.
class HeapUse {
 public:
  HeapUse() noexcept;
  ~HeapUse();
  HeapUse(HeapUse&&) = delete;
  HeapUse& operator=(HeapUse&&) = delete;

  std::size_t taken() const noexcept;
};

}  // namespace am::rpc::testing
