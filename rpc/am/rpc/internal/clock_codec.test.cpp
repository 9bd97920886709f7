#include <am/rpc/internal/clock_codec.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <limits>
#include <random>
#include <string>

namespace am::rpc::internal {
namespace {

constexpr std::uint64_t max_u64 = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint32_t max_u32 = std::numeric_limits<std::uint32_t>::max();

Bytes encoded(const Diff& diff) {
  Bytes bytes;
  Writer writer{bytes};
  write_diff(writer, diff);
  return bytes;
}

Fault fault_of(const Bytes& bytes, std::size_t states) {
  Reader reader{bytes};
  Diff diff;
  if (read_diff(reader, states, diff)) reader.finish();
  if (!reader.ok()) {
    EXPECT_TRUE(diff.empty() || reader.fault() == Fault::trailing);
  }
  return reader.fault();
}

Fault fault_of(std::initializer_list<int> values, std::size_t states = 4) {
  Bytes bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return fault_of(bytes, states);
}

// -- diffs ---------------------------------------------------------------------------------------

TEST(Diff, NothingTakesOneByte) { EXPECT_EQ(encoded({}).size(), 1U); }

TEST(Diff, OneFlipAndItsQueueTickTakeThreeBytes) {
  EXPECT_EQ(encoded({{{5, 1}}, 1, 0}).size(), 3U);
  EXPECT_EQ(encoded({{{31, 3}}, 1, 0}).size(), 3U);
  EXPECT_EQ(encoded({{{4095, 1}}, 1, 0}).size(), 4U);
}

TEST(Diff, NeighboursTakeAByteEach) {
  EXPECT_EQ(encoded({{{0, 2}, {1, 1}, {2, 1}, {3, 2}}, 4, 0}).size(), 6U);
}

TEST(Diff, EveryDiffComesBack) {
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random{seed};
    const std::size_t states = 1 + random() % 4096;
    Clocks before;
    for (std::size_t i = 0; i < states; ++i) before.ticks.push_back(random() >> (random() % 64));
    before.queue_tick = 1 + random() % 1000;
    Clocks after = before;
    const std::uint64_t changes = random() % 20;
    for (std::uint64_t i = 0; i < changes; ++i) {
      std::uint64_t& tick = after.ticks[random() % states];
      tick += std::min(max_u64 - tick, random() >> (random() % 64));
    }
    after.queue_tick += random() % 3;
    after.machine_tick += static_cast<std::uint32_t>(random() % 2);

    Diff diff;
    ASSERT_TRUE(make_diff(before, after, std::nullopt, diff));
    const Bytes bytes = encoded(diff);
    Reader reader{bytes};
    Diff read;
    ASSERT_TRUE(read_diff(reader, states, read));
    EXPECT_TRUE(reader.finish());
    EXPECT_EQ(read, diff);
    EXPECT_EQ(digest_after(before, digest_of(before), read), digest_of(after));
    apply_diff(read, before);
    EXPECT_EQ(before, after);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_EQ(fault_of({bytes.begin(), bytes.begin() + static_cast<long>(size)}, states),
                Fault::truncated);
    }
  }
}

TEST(Diff, CandidatesGiveTheSameDiffAsAScan) {
  const Clocks before{{1, 2, 3, 4}, 1, 0};
  const Clocks after{{1, 3, 3, 9}, 2, 0};
  Diff scanned;
  Diff chosen;
  const std::array<StateIndex, 3> candidates{1, 2, 3};
  ASSERT_TRUE(make_diff(before, after, std::nullopt, scanned));
  ASSERT_TRUE(make_diff(before, after, candidates, chosen));
  EXPECT_EQ(scanned, chosen);
  EXPECT_EQ(scanned, (Diff{{{1, 1}, {3, 5}}, 1, 0}));
}

TEST(Diff, CandidatesThatBreakTheirRuleOnlyCostAScan) {
  const Clocks before{{1, 2, 3, 4}, 1, 0};
  const Clocks after{{1, 3, 3, 9}, 2, 0};
  Diff diff;
  const std::array<StateIndex, 2> unsorted{3, 1};
  const std::array<StateIndex, 2> outside{1, 4};
  ASSERT_TRUE(make_diff(before, after, unsorted, diff));
  EXPECT_EQ(diff.changes.size(), 2U);
  ASSERT_TRUE(make_diff(before, after, outside, diff));
  EXPECT_EQ(diff.changes.size(), 2U);
}

TEST(Diff, NoDiffGoesBack) {
  const Clocks before{{5, 5}, 5, 5};
  Diff diff;
  EXPECT_FALSE(make_diff(before, Clocks{{6, 4}, 5, 5}, std::nullopt, diff));
  EXPECT_TRUE(diff.empty());
  EXPECT_FALSE(make_diff(before, Clocks{{5, 5}, 4, 5}, std::nullopt, diff));
  EXPECT_FALSE(make_diff(before, Clocks{{5, 5}, 5, 4}, std::nullopt, diff));
  EXPECT_FALSE(make_diff(before, Clocks{{5, 5, 5}, 5, 5}, std::nullopt, diff));
}

TEST(Diff, AnIndexOutsideIsRefused) {
  EXPECT_EQ(fault_of({1 << 2, (3 << 2) | 1}), Fault::none);
  EXPECT_EQ(fault_of({1 << 2, (4 << 2) | 1}), Fault::value);
  EXPECT_EQ(fault_of({2 << 2, (3 << 2) | 1, 1}), Fault::value);
  EXPECT_EQ(fault_of({1 << 2, 1}, 0), Fault::limit);
}

TEST(Diff, MoreChangesThanStatesAreRefused) {
  EXPECT_EQ(fault_of({5 << 2, 1, 1, 1, 1, 1}), Fault::limit);
}

TEST(Diff, AnIncrementOfZeroIsRefused) {
  EXPECT_EQ(fault_of({1 << 2, 0, 0}), Fault::value);
  EXPECT_EQ(fault_of({1, 0}), Fault::value);
  EXPECT_EQ(fault_of({2, 0}), Fault::value);
}

TEST(Diff, ASmallIncrementInItsLongFormIsRefused) {
  EXPECT_EQ(fault_of({1 << 2, 0, 4}), Fault::none);
  EXPECT_EQ(fault_of({1 << 2, 0, 3}), Fault::value);
}

TEST(Diff, AMachineTickBeyond32BitsIsRefused) {
  EXPECT_EQ(fault_of({2, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F}), Fault::none);
  EXPECT_EQ(fault_of({2, 0x80, 0x80, 0x80, 0x80, 0x10}), Fault::limit);
}

TEST(Diff, ACounterThatWouldOverflowDoesNotFit) {
  const Clocks clocks{{max_u64 - 1, 0}, max_u64, max_u32};
  const std::uint64_t digest = digest_of(clocks);
  EXPECT_TRUE(digest_after(clocks, digest, {{{0, 1}}, 0, 0}));
  EXPECT_FALSE(digest_after(clocks, digest, {{{0, 2}}, 0, 0}));
  EXPECT_FALSE(digest_after(clocks, digest, {{{2, 1}}, 0, 0}));
  EXPECT_FALSE(digest_after(clocks, digest, {{}, 1, 0}));
  EXPECT_FALSE(digest_after(clocks, digest, {{}, 0, 1}));
}

// -- snapshots -----------------------------------------------------------------------------------

TEST(ClockSnapshot, ComesBack) {
  const Clocks clocks{{0, 1, 127, 128, max_u64}, 77, max_u32};
  Bytes bytes;
  Writer writer{bytes};
  write_snapshot(writer, clocks, digest_of(clocks));
  Reader reader{bytes};
  Clocks read;
  std::uint64_t digest = 0;
  ASSERT_TRUE(read_snapshot(reader, {}, read, digest));
  EXPECT_TRUE(reader.finish());
  EXPECT_EQ(read, clocks);
  EXPECT_EQ(digest, digest_of(clocks));
}

TEST(ClockSnapshot, HasAtMostTheLimitOfStates) {
  Limits limits;
  limits.states = 2;
  for (const std::size_t states : {2U, 3U}) {
    Clocks clocks;
    clocks.ticks.assign(states, 1);
    Bytes bytes;
    Writer writer{bytes};
    write_snapshot(writer, clocks, 0);
    Reader reader{bytes};
    std::uint64_t digest = 0;
    EXPECT_EQ(read_snapshot(reader, limits, clocks, digest), states == 2);
    EXPECT_EQ(reader.fault(), states == 2 ? Fault::none : Fault::limit);
  }
}

// -- digest --------------------------------------------------------------------------------------

TEST(Digest, IsTheSameForeverBecauseItIsSent) {
  EXPECT_EQ(digest_of(Clocks{{}, 0, 0}), 0U);
  EXPECT_EQ(mix(0, 1), 0x910a2dec89025cc1U);
  EXPECT_EQ(mix(4095, 3), 0x2f5c43768b61466fU);
  EXPECT_EQ(digest_of(Clocks{{0, 1, 2, 300}, 5, 1}), 0xa30879cc27532f13U);
}

TEST(Digest, SeesSwappedStates) {
  EXPECT_NE(digest_of(Clocks{{1, 2}, 1, 0}), digest_of(Clocks{{2, 1}, 1, 0}));
}

TEST(Digest, SeesIncrementsThatWrapSmallerNumbers) {
  const Clocks clocks{{1, 2}, 1, 0};
  for (const unsigned bits : {8U, 16U, 32U}) {
    Clocks wrapped = clocks;
    wrapped.ticks[0] += std::uint64_t{1} << bits;
    EXPECT_NE(short_digest(digest_of(clocks)), short_digest(digest_of(wrapped)));
  }
}

TEST(Digest, SeesQueueAndMachineTicks) {
  const std::uint64_t digest = digest_of(Clocks{{1}, 2, 3});
  EXPECT_NE(digest, digest_of(Clocks{{1}, 3, 3}));
  EXPECT_NE(digest, digest_of(Clocks{{1}, 2, 4}));
  EXPECT_NE(digest, digest_of(Clocks{{1}, 3, 2}));
}

TEST(Digest, DoesNotSeeNewStatesBeforeTheyTick) {
  EXPECT_EQ(digest_of(Clocks{{1, 2}, 1, 0}), digest_of(Clocks{{1, 2, 0, 0}, 1, 0}));
}

TEST(Digest, HasAShortFormWithoutVisibleCollisions) {
  std::vector<std::uint32_t> seen;
  for (std::uint64_t position = 0; position < 64; ++position) {
    for (std::uint64_t tick = 1; tick <= 64; ++tick) {
      seen.push_back(short_digest(mix(position, tick)));
    }
  }
  std::ranges::sort(seen);
  // 4,096 random 32-bit numbers have 0.002 pairs.
  EXPECT_EQ(std::ranges::adjacent_find(seen), seen.end());
}

}  // namespace
}  // namespace am::rpc::internal
