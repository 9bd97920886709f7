#include <am/rpc/internal/transport/arrival.hpp>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>

namespace am::rpc::internal {

void Arrival::arrive() noexcept {
  if (state_.exchange(here, std::memory_order_acq_rel) != awaited) return;
  syscall(SYS_futex, &state_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

bool Arrival::wait_until(TransportTime deadline) noexcept {
  auto expected = static_cast<std::uint32_t>(coming);
  state_.compare_exchange_strong(expected, awaited, std::memory_order_acq_rel);
  // The kernel takes no time before the clock began, for which there is no need to wait either.
  const auto since_boot = std::max(deadline.time_since_epoch(), TransportTime::duration::zero());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since_boot);
  // steady_clock is CLOCK_MONOTONIC, which the bit set form takes as absolute time.
  const timespec end{.tv_sec = static_cast<time_t>(seconds.count()),
                     .tv_nsec = static_cast<long>((since_boot - seconds).count())};
  while (!arrived()) {
    const auto result =
        syscall(SYS_futex, &state_, FUTEX_WAIT_BITSET_PRIVATE, static_cast<std::uint32_t>(awaited),
                deadline == no_deadline ? nullptr : &end, nullptr, FUTEX_BITSET_MATCH_ANY);
    if (result < 0 && errno == ETIMEDOUT) return arrived();
  }
  return true;
}

}  // namespace am::rpc::internal
