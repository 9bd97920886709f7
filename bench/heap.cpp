#include "heap.hpp"

#include <malloc.h>

#include <cstdlib>
#include <new>

namespace {

thread_local bench::HeapUse use;

/// A block of the GNU allocator: what may be used of it, and a word before it.
std::int64_t block_bytes(void* memory) {
  return static_cast<std::int64_t>(malloc_usable_size(memory) + sizeof(std::size_t));
}

void* count(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  ++use.allocations;
  use.bytes += block_bytes(memory);
  return memory;
}

void give_back(void* memory) noexcept {
  if (memory == nullptr) return;
  use.bytes -= block_bytes(memory);
  std::free(memory);
}

}  // namespace

bench::HeapUse bench::heap_use() noexcept { return use; }

// The array and nothrow forms of the standard library end in these.
void* operator new(std::size_t size) { return count(std::malloc(size == 0 ? 1 : size)); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  const auto step = static_cast<std::size_t>(alignment);
  return count(std::aligned_alloc(step, (size + step - 1) / step * step));
}
void operator delete(void* memory) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t) noexcept { give_back(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { give_back(memory); }
