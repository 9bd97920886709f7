// What the calling thread took from the heap: am-bench replaces operator new to count.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bench {

struct HeapUse {
  std::uint64_t allocations = 0;
  std::int64_t bytes = 0;  ///< in use, with what the allocator adds to each block
};

/// So far, on the calling thread.
HeapUse heap_use() noexcept;

}  // namespace bench
