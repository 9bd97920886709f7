// Clocks as they come from the network: diffs and full clocks have one form, and what a diff says
// is what its digest says.
#include "target.hpp"

#include <am/rpc/internal/clock_codec.hpp>

#include <algorithm>
#include <limits>

namespace {

namespace rpc = am::rpc::internal;
using fuzz::require;

bool same(const rpc::Bytes& written, rpc::ByteView all, const rpc::Reader& reader) {
  return std::ranges::equal(written, all.first(all.size() - reader.remaining()));
}

/// A diff for these clocks: applied it gives what its digest promises, and can be found again.
void apply(rpc::Clocks clocks, const rpc::Diff& diff) {
  const auto digest = rpc::digest_of(clocks);
  const auto after = rpc::digest_after(clocks, digest, diff);
  if (!after) return;  // a counter would overflow, or there is no such state
  const auto before = clocks;
  rpc::apply_diff(diff, clocks);
  require(rpc::digest_of(clocks) == *after);
  rpc::Diff found;
  require(rpc::make_diff(before, clocks, std::nullopt, found));
  require(found == diff);
  std::vector<am::StateIndex> moved;
  for (const auto& change : diff.changes) moved.push_back(change.index);
  require(rpc::make_diff(before, clocks, moved, found));
  require(found == diff);
  if (!diff.empty()) require(!rpc::make_diff(clocks, before, std::nullopt, found));
}

void check_diff(rpc::ByteView bytes, std::size_t states, const rpc::Clocks& clocks) {
  rpc::Reader reader(bytes);
  rpc::Diff diff;
  if (!rpc::read_diff(reader, states, diff)) return;
  rpc::Bytes again;
  rpc::Writer writer(again);
  rpc::write_diff(writer, diff);
  require(same(again, bytes, reader));
  require(diff.changes.size() <= states);
  apply(clocks, diff);
}

/// Reads full clocks, and the diff behind them.
void check_full(rpc::ByteView bytes) {
  rpc::Reader reader(bytes);
  rpc::Clocks clocks;
  std::uint64_t digest = 0;
  if (!rpc::read_snapshot(reader, {}, clocks, digest)) return;
  require(clocks.ticks.capacity() <= 2 * bytes.size());
  rpc::Bytes again;
  rpc::Writer writer(again);
  rpc::write_snapshot(writer, clocks, digest);
  require(same(again, bytes, reader));
  check_diff(bytes.last(reader.remaining()), clocks.ticks.size(), clocks);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span{data, size});
  check_full(bytes);
  // Clocks at their very ends overflow.
  constexpr auto last = std::numeric_limits<std::uint64_t>::max();
  const rpc::Clocks high{{0, 1, last, last - 1}, last - 2, 0xFFFFFFFEU};
  check_diff(bytes, high.ticks.size(), high);
  check_diff(bytes, 4096, rpc::Clocks{std::vector<std::uint64_t>(4096, 7), 1, 0});
  return 0;
}
