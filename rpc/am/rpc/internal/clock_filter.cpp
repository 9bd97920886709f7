#include <am/rpc/internal/clock_filter.hpp>

#include <bit>

namespace am::rpc::internal {

namespace {

constexpr std::size_t words_for(std::size_t states) noexcept { return (states + 63) / 64; }

}  // namespace

ClockFilter::ClockFilter(std::size_t states) : states_(states), words_(words_for(states)) {
  for (std::size_t i = 0; i < states; ++i) words_[i / 64] |= std::uint64_t{1} << (i % 64);
}

ClockFilter::ClockFilter(std::size_t states, std::span<const StateIndex> tracked, Depth depth)
    : states_(states), depth_(depth), words_(words_for(states)) {
  for (const StateIndex index : tracked) words_[index / 64] |= std::uint64_t{1} << (index % 64);
}

std::size_t ClockFilter::tracked() const noexcept {
  std::size_t count = 0;
  for (const auto word : words_) count += static_cast<std::size_t>(std::popcount(word));
  return count;
}

void ClockFilter::update(ClocksView source, Candidates candidates, Clocks& view,
                         std::vector<Moved>& moved) const {
  // New states begin at 0 like all others; shallow ones then flip to 1 where they are active.
  view.ticks.resize(states_);
  view.queue_tick = source.queue_tick;
  view.machine_tick = source.machine_tick;
  const auto look = [&](StateIndex index) {
    const std::uint64_t now = source.ticks[index];
    std::uint64_t& seen = view.ticks[index];
    if (now == seen || !tracks(index)) return;
    const bool deep = depth_ == Depth::deep;
    if (!deep && ((now ^ seen) & 1U) == 0) return;
    moved.push_back({index, seen});
    seen = deep ? now : seen + 1;
  };
  if (candidates) {
    for (const StateIndex index : *candidates) {
      if (index < states_) look(index);
    }
    return;
  }
  for (std::size_t i = 0; i < states_; ++i) look(static_cast<StateIndex>(i));
}

}  // namespace am::rpc::internal
