#include <am/rpc/internal/clock_feed.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace am::rpc::internal {
namespace {

Clocks copy(ClocksView view) {
  Clocks clocks;
  view.copy_to(clocks);
  return clocks;
}

TEST(ClockFeed, BeginsWithVersionOne) {
  ClockFeed feed{ClockFilter{2}};
  EXPECT_EQ(feed.version(), 0U);
  feed.observe(Clocks{{0, 0}, 1, 0}, std::nullopt);
  EXPECT_EQ(feed.version(), 1U);
  EXPECT_EQ(feed.digest(), digest_of(feed.clocks()));
}

TEST(ClockFeed, MakesNoVersionOfWhatItsFilterDoesNotShow) {
  constexpr std::array<StateIndex, 1> first{0};
  ClockFeed feed{ClockFilter{2, first, Depth::deep}};
  feed.observe(Clocks{{0, 0}, 1, 0}, std::nullopt);
  feed.observe(Clocks{{0, 1}, 1, 0}, std::nullopt);
  EXPECT_EQ(feed.version(), 1U);
  feed.observe(Clocks{{1, 2}, 1, 0}, std::nullopt);
  EXPECT_EQ(feed.version(), 2U);
}

TEST(ClockFeed, EncodesOnceForAllLinksAtOneBase) {
  ClockFeed feed{ClockFilter{2}};
  feed.observe(Clocks{{0, 0}, 1, 0}, std::nullopt);
  const Clocks base = copy(feed.clocks());
  feed.observe(Clocks{{1, 0}, 2, 0}, std::nullopt);
  const auto* encoded = feed.since(1, base);
  ASSERT_NE(encoded, nullptr);
  EXPECT_EQ(*encoded->diff, (Diff{{{0, 1}}, 1, 0}));
  const auto* bytes = encoded->bytes.data();
  for (int link = 0; link < 100; ++link) EXPECT_EQ(feed.since(1, base)->bytes.data(), bytes);
  EXPECT_EQ(feed.encodes(), 1U);
  EXPECT_EQ(feed.shared(), 100U);
}

TEST(ClockFeed, EncodesAgainForAnotherBase) {
  ClockFeed feed{ClockFilter{2}};
  feed.observe(Clocks{{0, 0}, 1, 0}, std::nullopt);
  const Clocks one = copy(feed.clocks());
  feed.observe(Clocks{{1, 0}, 2, 0}, std::nullopt);
  const Clocks two = copy(feed.clocks());
  feed.observe(Clocks{{1, 1}, 3, 0}, std::nullopt);
  EXPECT_EQ(*feed.since(1, one)->diff, (Diff{{{0, 1}, {1, 1}}, 2, 0}));
  EXPECT_EQ(*feed.since(2, two)->diff, (Diff{{{1, 1}}, 1, 0}));
  EXPECT_EQ(feed.encodes(), 2U);
}

TEST(ClockFeed, HasNoDiffAcrossARestore) {
  ClockFeed feed{ClockFilter{1}};
  feed.observe(Clocks{{9}, 4, 0}, std::nullopt);
  const Clocks before = copy(feed.clocks());
  feed.observe(Clocks{{1}, 1, 1}, std::nullopt);
  const Clocks after = copy(feed.clocks());
  EXPECT_EQ(feed.digest(), digest_of(after));
  // It has caught up with itself: still not the same life.
  feed.observe(Clocks{{11}, 6, 1}, std::nullopt);
  EXPECT_EQ(feed.since(1, before), nullptr);
  EXPECT_NE(feed.since(2, after), nullptr);
}

TEST(ClockFeed, HasNoDiffAcrossGrowthAndThenGoesOn) {
  ClockFeed feed{ClockFilter{1, std::array<StateIndex, 1>{0}, Depth::shallow}};
  feed.observe(Clocks{{5}, 4, 0}, std::nullopt);
  feed.observe(Clocks{{6}, 5, 0}, std::nullopt);
  const Clocks before = copy(feed.clocks());
  const auto version = feed.version();
  feed.grow(ClockFilter{2, std::array<StateIndex, 2>{0, 1}, Depth::shallow});
  feed.observe(Clocks{{6, 1}, 6, 0}, std::nullopt);
  EXPECT_EQ(feed.since(version, before), nullptr);
  EXPECT_EQ(copy(feed.clocks()), (Clocks{{2, 1}, 6, 0}));  // shallow ticks do not begin again
  EXPECT_EQ(feed.digest(), digest_of(feed.clocks()));
  const Clocks base = copy(feed.clocks());
  EXPECT_TRUE(feed.since(feed.version(), base)->diff->empty());
}

// -- against a model -----------------------------------------------------------------------------

// A link as simple as can be: what a client with this choice should see.
struct ModelLink {
  std::uint64_t base = 0;
  Clocks clocks{};
  std::uint64_t digest = 0;
};

struct Random {
  std::mt19937_64 engine;
  std::uint64_t below(std::uint64_t n) { return engine() % n; }
};

TEST(ClockFeed, EveryLinkSeesWhatTheFilterShowsWhateverItsBaseAndChoice) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random{std::mt19937_64{seed}};
    const std::size_t states = 1 + random.below(130);
    std::vector<StateIndex> tracked;
    for (std::size_t i = 0; i < states; ++i) {
      if (random.below(3) != 0) tracked.push_back(static_cast<StateIndex>(i));
    }
    const Depth depth = random.below(2) == 0 ? Depth::deep : Depth::shallow;
    ClockFeed feed{ClockFilter{states, tracked, depth}};
    Clocks source{std::vector<std::uint64_t>(states), 1, 0};
    for (auto& tick : source.ticks) tick = random.below(300);
    std::vector<std::uint64_t> flips;
    for (const auto tick : source.ticks) flips.push_back(tick & 1U);
    std::array<ModelLink, 7> links;
    feed.observe(source, std::nullopt);
    for (int step = 0; step < 60; ++step) {
      std::vector<StateIndex> changed;
      if (random.below(25) == 0) {  // restored
        for (std::size_t i = 0; i < states; ++i) {
          source.ticks[i] = random.below(300);
          changed.push_back(static_cast<StateIndex>(i));
        }
        ++source.machine_tick;
        source.queue_tick = 1 + random.below(10);
      }
      for (std::uint64_t i = random.below(5); i > 0; --i) {
        const auto index = random.below(states);
        source.ticks[index] += 1 + random.below(4);
        changed.push_back(static_cast<StateIndex>(index));
      }
      source.queue_tick += random.below(2);
      std::ranges::sort(changed);
      changed.erase(std::unique(changed.begin(), changed.end()), changed.end());
      feed.observe(source, random.below(2) == 0 ? Candidates{} : Candidates{changed});

      Clocks expected{std::vector<std::uint64_t>(states), source.queue_tick, source.machine_tick};
      for (const auto i : tracked) {
        if ((flips[i] & 1U) != (source.ticks[i] & 1U)) ++flips[i];
        expected.ticks[i] = depth == Depth::deep ? source.ticks[i] : flips[i];
      }
      ASSERT_EQ(copy(feed.clocks()), expected);
      ASSERT_EQ(feed.digest(), digest_of(expected));

      for (auto& link : links) {
        if (random.below(3) == 0) continue;  // it holds its pushes back
        const auto* encoded = feed.since(link.base, link.clocks);
        if (encoded == nullptr) {  // a snapshot
          feed.clocks().copy_to(link.clocks);
          link.digest = feed.digest();
        } else {
          Reader reader{encoded->bytes};
          Diff diff;
          ASSERT_TRUE(read_diff(reader, states, diff) && reader.finish());
          const auto digest = digest_after(link.clocks, link.digest, diff);
          ASSERT_EQ(digest, encoded->digest);
          apply_diff(diff, link.clocks);
          link.digest = *digest;
        }
        link.base = feed.version();
        ASSERT_EQ(link.clocks, expected);
      }
    }
  }
}

}  // namespace
}  // namespace am::rpc::internal
