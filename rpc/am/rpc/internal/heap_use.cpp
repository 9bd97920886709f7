#include <am/rpc/internal/heap_use.hpp>

#include <cstdlib>
#include <new>

namespace am::rpc::testing {

namespace {

thread_local bool counting = false;
thread_local std::size_t taken_bytes = 0;

}  // namespace

[[nodiscard]] static void* take(std::size_t size) {
  if (counting) taken_bytes += size;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc{};
}

HeapUse::HeapUse() noexcept {
  taken_bytes = 0;
  counting = true;
}

HeapUse::~HeapUse() { counting = false; }

std::size_t HeapUse::taken() const noexcept { return taken_bytes; }

}  // namespace am::rpc::testing

void* operator new(std::size_t size) { return am::rpc::testing::take(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
