// Pauses between attempts that fail.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace am::rpc::internal {

/// A pause that doubles with each attempt, from a first one up to a cap, each shortened by up to a
/// quarter at random, so that many who lost the same server do not all come back at one instant. No
/// clock, no thread: the same seed gives the same pauses.
class Backoff {
 public:
  Backoff(std::chrono::nanoseconds first, std::chrono::nanoseconds cap, std::uint64_t seed) noexcept
      : first_(first), cap_(std::max(first, cap)), next_(first), state_(seed | 1U) {}

  /// How long to pause now; the pause after that is twice as long.
  std::chrono::nanoseconds next() noexcept {
    const auto pause = next_;
    next_ = next_ > cap_ / 2 ? cap_ : next_ * 2;
    const auto jitter = pause.count() / 4;
    return jitter == 0 ? pause
                       : pause - std::chrono::nanoseconds{static_cast<std::int64_t>(
                                     random() % static_cast<std::uint64_t>(jitter + 1))};
  }

  /// After an attempt that worked: begins anew.
  void reset() noexcept { next_ = first_; }

 private:
  std::uint64_t random() noexcept {
    state_ ^= state_ << 13U;
    state_ ^= state_ >> 7U;
    state_ ^= state_ << 17U;
    return state_;
  }

  std::chrono::nanoseconds first_;
  std::chrono::nanoseconds cap_;
  std::chrono::nanoseconds next_;
  std::uint64_t state_;
};

}  // namespace am::rpc::internal
