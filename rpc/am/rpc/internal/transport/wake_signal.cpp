#include <am/rpc/internal/transport/wake_signal.hpp>

#include <sys/eventfd.h>
#include <unistd.h>
#include <cerrno>
#include <cstdint>
#include <system_error>

namespace am::rpc::internal {

WakeSignal::WakeSignal() : descriptor_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (descriptor_ < 0) {
    throw std::system_error(errno, std::generic_category(), "cannot make an eventfd");
  }
}

WakeSignal::~WakeSignal() { close(descriptor_); }

// Always a read-modify-write: it orders the waker's earlier writes before the sleeper's `take`,
// also when an earlier wake has not been taken yet.
void WakeSignal::wake() noexcept {
  if (state_.exchange(woken, std::memory_order_acq_rel) != asleep) return;
  const std::uint64_t one = 1;
  // EAGAIN would mean that the counter is full, that is, readable.
  while (write(descriptor_, &one, sizeof one) < 0 && errno == EINTR) {
  }
}

bool WakeSignal::begin_sleep() noexcept {
  int expected = awake;
  return state_.compare_exchange_strong(expected, asleep, std::memory_order_acq_rel);
}

bool WakeSignal::take() noexcept {
  return state_.exchange(awake, std::memory_order_acq_rel) == woken;
}

void WakeSignal::clear() noexcept {
  std::uint64_t count = 0;
  while (read(descriptor_, &count, sizeof count) < 0 && errno == EINTR) {
  }
}

}  // namespace am::rpc::internal
