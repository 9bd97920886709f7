#include <am/rpc/internal/clock_feeds.hpp>

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>

namespace am::rpc::internal {
namespace {

constexpr std::array<std::string_view, 3> names{"A", "B", "Exception"};

TEST(ClockFeeds, GiveTheSameFeedToTheSameChoice) {
  ClockFeeds feeds;
  std::string error;
  auto* all = feeds.open({}, names, error);
  auto* some = feeds.open({.states = {{"A", "B"}}}, names, error);
  EXPECT_NE(all, some);
  EXPECT_EQ(feeds.open({.states = {{"B", "A", "B"}}, .schema = false}, names, error), some);
  EXPECT_NE(feeds.open({.states = {{"A", "B"}}, .shallow = true}, names, error), some);
  EXPECT_EQ(feeds.size(), 3U);
}

TEST(ClockFeeds, SayWhatIsWrongWithAChoice) {
  ClockFeeds feeds;
  std::string error;
  EXPECT_EQ(feeds.open({.skip = {"X"}}, names, error), nullptr);
  EXPECT_NE(error.find("\"X\""), std::string::npos);
  EXPECT_EQ(feeds.size(), 0U);
}

TEST(ClockFeeds, LookAtEachReadingOnce) {
  ClockFeeds feeds;
  std::string error;
  auto* held = feeds.open({.shallow = true}, names, error);
  Clocks source{{1, 0, 0}, 1, 0};
  feeds.read(source);
  EXPECT_EQ(feeds.of(*held).ticks[0], 1U);
  source.ticks[0] = 2;
  EXPECT_EQ(feeds.of(*held).ticks[0], 1U);
  feeds.read(source);
  EXPECT_EQ(feeds.of(*held).ticks[0], 2U);
}

TEST(ClockFeeds, GoOnAfterTheirLastLink) {
  ClockFeeds feeds;
  std::string error;
  auto* held = feeds.open({.shallow = true}, names, error);
  Clocks source{{1, 0, 0}, 1, 0};
  feeds.read(source);
  feeds.of(*held);
  feeds.close(held);
  source.ticks[0] = 6;
  feeds.read(source);
  EXPECT_EQ(feeds.of(*feeds.open({.shallow = true}, names, error)).ticks[0], 2U);
}

TEST(ClockFeeds, AreBoundedAndKeepThoseInUse) {
  constexpr std::array<std::string_view, 8> eight{"A", "B", "C", "D", "E", "F", "G", "H"};
  ClockFeeds feeds;
  std::string error;
  auto* used = feeds.open({}, eight, error);
  for (std::size_t i = 1; i < 256; ++i) {
    SyncOptions choice;
    for (std::size_t bit = 0; bit < eight.size(); ++bit) {
      if ((i >> bit & 1U) != 0) choice.skip.emplace_back(eight[bit]);
    }
    feeds.close(feeds.open(choice, eight, error));
  }
  EXPECT_EQ(feeds.size(), ClockFeeds::idle_limit + 1);
  EXPECT_EQ(feeds.open({}, eight, error), used);
}

TEST(ClockFeeds, GrowWithTheirSource) {
  ClockFeeds feeds;
  std::string error;
  auto* all = feeds.open({}, names, error);
  auto* some = feeds.open({.states = {{"A"}}}, names, error);
  constexpr std::array<std::string_view, 4> more{"A", "B", "Exception", "C"};
  feeds.grow(more);
  const Clocks source{{1, 1, 0, 1}, 1, 0};
  feeds.read(source);
  EXPECT_EQ(feeds.of(*all).ticks[3], 1U);
  EXPECT_EQ(feeds.of(*some).ticks[3], 0U);
}

}  // namespace
}  // namespace am::rpc::internal
