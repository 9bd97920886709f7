#include <am/rpc/internal/digest64.hpp>

#include <cstring>

// All of it in this file: no library to link.
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace am::rpc::internal {

static_assert(sizeof(XXH64_state_t) == 88 && alignof(XXH64_state_t) == 8);

Digest64::Digest64() noexcept {
  XXH64_state_t state{};
  XXH64_reset(&state, 0);
  std::memcpy(state_.data(), &state, sizeof state);
}

void Digest64::add(ByteView bytes) noexcept {
  if (bytes.empty()) return;
  XXH64_state_t state;
  std::memcpy(&state, state_.data(), sizeof state);
  XXH64_update(&state, bytes.data(), bytes.size());
  std::memcpy(state_.data(), &state, sizeof state);
}

std::uint64_t Digest64::value() const noexcept {
  XXH64_state_t state;
  std::memcpy(&state, state_.data(), sizeof state);
  return XXH64_digest(&state);
}

}  // namespace am::rpc::internal
