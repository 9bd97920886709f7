// Which counters of a source a remote machine sees, and how deep.
#pragma once

#include <am/rpc/internal/clock_codec.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace am::rpc::internal {

/// What a tick says to those who see it.
enum class Depth : std::uint8_t {
  deep,     ///< the source's tick
  shallow,  ///< one more for each change of activity that was noticed; odd = active all the same
};

/// A state whose tick, as the filter shows it, has moved.
struct Moved {
  StateIndex index = 0;
  std::uint64_t before = 0;
  friend bool operator==(const Moved&, const Moved&) = default;
};

/// A view of a source's clocks with the same positions: states that are not tracked stay at 0,
/// which costs nothing in diffs and adds nothing to the digest. So there is one index space, the
/// source's, whatever a remote machine sees. Not thread-safe.
class ClockFilter {
 public:
  /// All of so many states, deep.
  explicit ClockFilter(std::size_t states = 0);
  /// Some of so many states: `tracked` has indexes below `states`, in any order.
  ClockFilter(std::size_t states, std::span<const StateIndex> tracked, Depth depth);

  std::size_t states() const noexcept { return states_; }
  Depth depth() const noexcept { return depth_; }
  bool tracks(StateIndex index) const noexcept {
    return index < states_ && (words_[index / 64] >> (index % 64) & 1U) != 0;
  }
  /// How many states are tracked.
  std::size_t tracked() const noexcept;
  /// True when it changes nothing.
  bool whole() const noexcept { return depth_ == Depth::deep && tracked() == states_; }

  /// Brings `view` up to date with `source`, which has `states()` ticks. An empty view is begun:
  /// shallow ticks with 0 or 1. Only `candidates` are looked at, all states without them. Appends
  /// what moved to `moved`, in the order of indexes. O(candidates), or O(states) without them.
  void update(ClocksView source, Candidates candidates, Clocks& view,
              std::vector<Moved>& moved) const;

  friend bool operator==(const ClockFilter&, const ClockFilter&) = default;

 private:
  std::size_t states_ = 0;
  Depth depth_ = Depth::deep;
  std::vector<std::uint64_t> words_{};
};

}  // namespace am::rpc::internal
