// The clocks of one source as one filter shows them: compared and encoded once for all links.
#pragma once

#include <am/rpc/internal/bytes.hpp>
#include <am/rpc/internal/clock_codec.hpp>
#include <am/rpc/internal/clock_filter.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace am::rpc::internal {

/// A diff that is ready to be sent. Borrowed from the feed.
struct EncodedDiff {
  const Diff* diff = nullptr;
  ByteView bytes{};          ///< as `write_diff` writes it
  std::uint64_t digest = 0;  ///< of the clocks after it
};

/// Counts the versions of what a filter shows, and makes the diff between two of them once,
/// whoever asks: links at the same base get the same bytes. A link remembers the version it has,
/// and its clocks. Allocates only while its buffers grow. No I/O; not thread-safe.
class ClockFeed {
 public:
  explicit ClockFeed(ClockFilter filter) : filter_(std::move(filter)) {}

  const ClockFilter& filter() const noexcept { return filter_; }
  /// Of `clocks()`; 0 before the first `observe`.
  std::uint64_t version() const noexcept { return version_; }
  /// What the filter shows; valid until the next change.
  ClocksView clocks() const noexcept { return clocks_; }
  std::uint64_t digest() const noexcept { return digest_; }
  /// How often a diff was encoded.
  std::uint64_t encodes() const noexcept { return encodes_; }
  /// How often a diff was taken from the shelf.
  std::uint64_t shared() const noexcept { return shared_; }

  /// Takes over the clocks of the source. Makes a new version if what the filter shows has moved.
  /// `candidates` must hold every state that changed since the last call. O(candidates), or
  /// O(states) without them.
  void observe(ClocksView source, Candidates candidates);

  /// The source has grown: `filter` knows all of its states, the former ones first. Ticks and
  /// versions go on; the next `observe` must come without candidates.
  void grow(ClockFilter filter);

  /// What leads from version `base`, whose clocks were `base_clocks`, to `clocks()`; valid until
  /// the next call of any method that is not const. Null when no diff does (a counter went back in
  /// between, or the number of states is another one): then send a snapshot. O(changed states)
  /// the first time, O(1) for the same base again.
  const EncodedDiff* since(std::uint64_t base, ClocksView base_clocks);

 private:
  // Links lag at a few bases at a time; the oldest encoding is replaced.
  static constexpr std::size_t shelf_size = 4;
  struct Shelved {
    std::uint64_t base = 0;
    std::uint64_t version = 0;  ///< 0 = empty
    Diff diff{};
    Bytes bytes{};
    EncodedDiff encoded{};
  };

  void stamp(StateIndex index);
  std::span<const StateIndex> changed_since(std::uint64_t base);

  ClockFilter filter_;
  Clocks clocks_{{}, 0, 0};
  std::uint64_t digest_ = 0;
  std::uint64_t version_ = 0;
  std::uint64_t oldest_ = 1;  // no diff leads from a version before it

  // Changed states, the latest first: a list through indexes, with the version of their last
  // change.
  static constexpr StateIndex none = static_cast<StateIndex>(-1);
  struct Node {
    std::uint64_t version = 0;
    StateIndex newer = none;
    StateIndex older = none;
  };
  std::vector<Node> nodes_{};
  StateIndex newest_ = none;

  std::vector<Moved> moved_{};
  std::vector<StateIndex> candidates_{};
  std::array<Shelved, shelf_size> shelf_{};
  std::size_t next_ = 0;
  std::uint64_t encodes_ = 0;
  std::uint64_t shared_ = 0;
};

/// Clocks of a source as one link is to see them: borrowed.
struct LinkClocks : ClocksView {
  LinkClocks() = default;
  LinkClocks(ClocksView clocks) noexcept : ClocksView(clocks) {}     // NOLINT: implicit, a view
  LinkClocks(const Clocks& clocks) noexcept : ClocksView(clocks) {}  // NOLINT: implicit, a view
  explicit LinkClocks(ClockFeed& f) noexcept : ClocksView(f.clocks()), feed(&f) {}

  ClockFeed* feed = nullptr;  ///< makes the diffs of many links; null: the link compares for itself
};

}  // namespace am::rpc::internal
