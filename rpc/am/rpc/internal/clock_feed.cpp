#include <am/rpc/internal/clock_feed.hpp>

#include <algorithm>

namespace am::rpc::internal {

void ClockFeed::observe(ClocksView source, Candidates candidates) {
  const bool first = version_ == 0;
  const bool counters_moved =
      source.queue_tick != clocks_.queue_tick || source.machine_tick != clocks_.machine_tick;
  bool back = source.queue_tick < clocks_.queue_tick || source.machine_tick < clocks_.machine_tick;
  digest_ -= mix(queue_position, clocks_.queue_tick) + mix(machine_position, clocks_.machine_tick);
  moved_.clear();
  filter_.update(source, first ? Candidates{} : candidates, clocks_, moved_);
  digest_ += mix(queue_position, clocks_.queue_tick) + mix(machine_position, clocks_.machine_tick);
  if (!first && moved_.empty() && !counters_moved) return;

  ++version_;
  nodes_.resize(filter_.states());
  for (const auto& [index, before] : moved_) {
    const std::uint64_t after = clocks_.ticks[index];
    digest_ += mix(index, after) - mix(index, before);
    back = back || after < before;
    stamp(index);
  }
  if (first || back) oldest_ = version_;
}

void ClockFeed::grow(ClockFilter filter) {
  filter_ = std::move(filter);
  clocks_.ticks.resize(filter_.states());
  nodes_.resize(filter_.states());
  // Links have to learn of the states first.
  if (version_ != 0) oldest_ = ++version_;
}

// Moves the state to the front of the list.
void ClockFeed::stamp(StateIndex index) {
  Node& node = nodes_[index];
  if (newest_ != index) {
    if (node.newer != none) nodes_[node.newer].older = node.older;
    if (node.older != none) nodes_[node.older].newer = node.newer;
    node.newer = none;
    node.older = newest_;
    if (newest_ != none) nodes_[newest_].newer = index;
    newest_ = index;
  }
  node.version = version_;
}

std::span<const StateIndex> ClockFeed::changed_since(std::uint64_t base) {
  candidates_.clear();
  for (StateIndex i = newest_; i != none && nodes_[i].version > base; i = nodes_[i].older) {
    candidates_.push_back(i);
  }
  std::ranges::sort(candidates_);
  return candidates_;
}

const EncodedDiff* ClockFeed::since(std::uint64_t base, ClocksView base_clocks) {
  if (base < oldest_ || base > version_) return nullptr;
  for (const Shelved& shelved : shelf_) {
    if (shelved.version == version_ && shelved.base == base) {
      ++shared_;
      return &shelved.encoded;
    }
  }
  Shelved& place = shelf_[next_];
  place.version = 0;
  if (!make_diff(base_clocks, clocks_, changed_since(base), place.diff)) return nullptr;
  next_ = (next_ + 1) % shelf_size;
  place.bytes.clear();
  Writer writer{place.bytes};
  write_diff(writer, place.diff);
  ++encodes_;
  place.base = base;
  place.version = version_;
  place.encoded = {&place.diff, place.bytes, digest_};
  return &place.encoded;
}

}  // namespace am::rpc::internal
