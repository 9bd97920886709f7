// The one place where clocks become bytes: diffs, snapshots and the digest that guards them.
#pragma once

#include <am/rpc/internal/bytes.hpp>
#include <am/rpc/internal/limits.hpp>
#include <am/tick.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace am::rpc::internal {

/// All counters of a machine at one instant. Plain numbers: this is what is sent.
struct Clocks {
  /// Ticks in index order.
  std::vector<std::uint64_t> ticks{};
  std::uint64_t queue_tick = 1;
  std::uint32_t machine_tick = 0;

  friend bool operator==(const Clocks&, const Clocks&) = default;
};

/// Borrowed clocks: what the owner of a source hands to a link, all read at one instant.
struct ClocksView {
  std::span<const std::uint64_t> ticks{};
  std::uint64_t queue_tick = 1;
  std::uint32_t machine_tick = 0;

  ClocksView() = default;
  ClocksView(std::span<const std::uint64_t> t, std::uint64_t queue, std::uint32_t machine) noexcept
      : ticks(t), queue_tick(queue), machine_tick(machine) {}
  ClocksView(const Clocks& clocks) noexcept  // NOLINT: implicit, a view
      : ticks(clocks.ticks), queue_tick(clocks.queue_tick), machine_tick(clocks.machine_tick) {}

  /// Copies into `clocks`, reusing its memory.
  void copy_to(Clocks& clocks) const;
};

/// Indexes outside of which no tick can have changed since the base of a diff, strictly increasing.
/// Nothing = unknown: all states are compared.
using Candidates = std::optional<std::span<const StateIndex>>;

/// What happened between two instants: increments, never negative. Reused between messages.
struct Diff {
  struct Change {
    StateIndex index = 0;
    std::uint64_t increment = 0;  ///< at least 1
    friend bool operator==(const Change&, const Change&) = default;
  };
  /// Changed states, indexes strictly increasing.
  std::vector<Change> changes{};
  std::uint64_t queue = 0;    ///< increment of the queue tick
  std::uint32_t machine = 0;  ///< increment of the machine tick

  void clear() noexcept;
  bool empty() const noexcept { return changes.empty() && queue == 0 && machine == 0; }
  friend bool operator==(const Diff&, const Diff&) = default;
};

// -- diffs ---------------------------------------------------------------------------------------

/// Fills `out` with what leads from `base` to `now`. O(candidates), or O(states) without them.
/// Returns false, leaving `out` empty, when no diff can: a counter went back (the source was
/// restored), or the number of states differs.
bool make_diff(ClocksView base, ClocksView now, Candidates candidates, Diff& out);

/// Appends the diff: 1 byte for nothing, and 1 byte more for each of the first changes by 1 to 3.
void write_diff(Writer& writer, const Diff& diff);

/// Reads a diff for a machine of at most `states` states into `out`. Refuses indexes outside, not
/// increasing, increments of 0 and every form that is not the shortest. Returns `reader.ok()`.
bool read_diff(Reader& reader, std::size_t states, Diff& out);

/// Adds the diff to `clocks`. It must have passed `digest_after` for these clocks. O(changes).
void apply_diff(const Diff& diff, Clocks& clocks) noexcept;

// -- snapshots -----------------------------------------------------------------------------------

/// Appends all counters and the 64-bit digest: about a byte for each state that changed less than
/// 128 times.
void write_snapshot(Writer& writer, ClocksView clocks, std::uint64_t digest);

/// Reads all counters into `out` (reusing its memory), and the digest that the sender gave; the
/// caller compares it with `digest_of(out)`. Returns `reader.ok()`.
bool read_snapshot(Reader& reader, const Limits& limits, Clocks& out, std::uint64_t& digest);

/// Fills `changed` with the states that differ in `after`, which may have more of them: those were
/// at 0. Returns false when a counter went back without the source having been restored, which a
/// higher machine tick shows. O(states).
bool find_changes(const Clocks& before, ClocksView after, std::vector<StateIndex>& changed);

// -- digest --------------------------------------------------------------------------------------
// The sum of mix(position, value) over all counters, mod 2^64. A sum, so that its order does not
// matter and a change costs one subtraction and one addition. A counter of 0 adds nothing, so that
// states which are added to a schema do not disturb it.

/// Positions of the two counters that are not states, beyond every state index.
inline constexpr std::uint64_t queue_position = std::uint64_t{1} << 32U;
inline constexpr std::uint64_t machine_position = queue_position + 1;

/// A fixed 64-bit mix of a counter's position and value; 0 for the value 0.
constexpr std::uint64_t mix(std::uint64_t position, std::uint64_t value) noexcept {
  if (value == 0) return 0;
  // The finaliser of splitmix64 over value + position times the golden ratio: all of its 64 bits
  // depend on both, so the low half alone makes a good 32-bit digest.
  std::uint64_t z = value + (position + 1) * 0x9E3779B97F4A7C15U;
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31U);
}

/// The digest of all counters. O(states).
std::uint64_t digest_of(ClocksView clocks) noexcept;

/// The digest of `clocks` after `diff`, when `digest` is theirs now. O(changes).
/// Nothing when the diff does not fit: an index outside, or a counter that would overflow.
std::optional<std::uint64_t> digest_after(ClocksView clocks, std::uint64_t digest,
                                          const Diff& diff) noexcept;

/// What a push or a reply carries of a digest.
constexpr std::uint32_t short_digest(std::uint64_t digest) noexcept {
  return static_cast<std::uint32_t>(digest);
}

}  // namespace am::rpc::internal
