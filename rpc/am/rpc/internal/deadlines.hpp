// When the next of many things is due.
#pragma once

#include <chrono>
#include <optional>
#include <set>
#include <utility>

namespace am::rpc::internal {

/// One deadline for each key. The holder of a key keeps what was set last, so that an unchanged
/// deadline costs a comparison. Not thread-safe; O(log n).
template <class Key>
class Deadlines {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr TimePoint never = TimePoint::max();

  /// Moves the deadline of `key` from `held` to `wanted`; `never` is none.
  void set(const Key& key, TimePoint& held, TimePoint wanted) {
    if (wanted == held) return;
    if (held != never) due_.erase({held, key});
    if (wanted != never) due_.insert({wanted, key});
    held = wanted;
  }

  /// The first deadline, or `never`.
  TimePoint next() const noexcept { return due_.empty() ? never : due_.begin()->first; }
  /// The key that is due first, when it is by `now`.
  std::optional<Key> due(TimePoint now) const {
    if (due_.empty() || due_.begin()->first > now) return std::nullopt;
    return due_.begin()->second;
  }
  void clear() noexcept { due_.clear(); }

 private:
  std::set<std::pair<TimePoint, Key>> due_;
};

}  // namespace am::rpc::internal
