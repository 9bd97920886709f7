#include <am/rpc/internal/clock_filter.hpp>

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace am::rpc::internal {
namespace {

constexpr std::array<StateIndex, 2> second_and_fourth{1, 3};

struct View {
  ClockFilter filter;
  Clocks clocks{{}, 0, 0};
  std::vector<Moved> moved{};

  void see(const Clocks& source, Candidates candidates = std::nullopt) {
    moved.clear();
    filter.update(source, candidates, clocks, moved);
  }
};

TEST(ClockFilter, OfAllStatesChangesNothing) {
  View view{ClockFilter{4}};
  const Clocks source{{1, 0, 7, 2}, 5, 1};
  view.see(source);
  EXPECT_EQ(view.clocks, source);
  EXPECT_TRUE(view.filter.whole());
  EXPECT_EQ(view.filter.tracked(), 4U);
}

TEST(ClockFilter, UntrackedStatesStayAtZero) {
  View view{ClockFilter{4, second_and_fourth, Depth::deep}};
  view.see({{1, 4, 7, 9}, 5, 1});
  EXPECT_EQ(view.clocks, (Clocks{{0, 4, 0, 9}, 5, 1}));
  EXPECT_EQ(view.moved, (std::vector<Moved>{{1, 0}, {3, 0}}));
  view.see({{2, 4, 8, 9}, 6, 1});
  EXPECT_EQ(view.clocks, (Clocks{{0, 4, 0, 9}, 6, 1}));
  EXPECT_TRUE(view.moved.empty());
}

TEST(ClockFilter, OfNoStatesShowsTheQueueTickOnly) {
  View view{ClockFilter{2, {}, Depth::deep}};
  view.see({{1, 1}, 5, 0});
  EXPECT_EQ(view.clocks, (Clocks{{0, 0}, 5, 0}));
  EXPECT_EQ(view.filter.tracked(), 0U);
}

// T-19: shallow ticks begin with the activity, whatever the source's ticks are.
TEST(ClockFilter, ShallowTicksBeginWithZeroOrOne) {
  View view{ClockFilter{4, second_and_fourth, Depth::shallow}};
  view.see({{1, 4, 7, 901}, 5, 0});
  EXPECT_EQ(view.clocks, (Clocks{{0, 0, 0, 1}, 5, 0}));
}

TEST(ClockFilter, ShallowTicksCountChangesOfActivityThatAreSeen) {
  View view{ClockFilter{4, second_and_fourth, Depth::shallow}};
  view.see({{0, 1, 0, 2}, 1, 0});
  view.see({{0, 2, 0, 4}, 2, 0});  // the fourth was active in between
  EXPECT_EQ(view.clocks.ticks, (std::vector<std::uint64_t>{0, 2, 0, 0}));
  view.see({{0, 1001, 0, 5}, 3, 0});
  EXPECT_EQ(view.clocks.ticks, (std::vector<std::uint64_t>{0, 3, 0, 1}));
}

TEST(ClockFilter, LooksAtCandidatesOnly) {
  constexpr std::array<StateIndex, 1> second{1};
  View view{ClockFilter{3}};
  view.see({{1, 1, 1}, 1, 0});
  view.see({{1, 2, 2}, 1, 0}, Candidates{second});
  EXPECT_EQ(view.clocks.ticks, (std::vector<std::uint64_t>{1, 2, 1}));
}

TEST(ClockFilter, IsTheSameForTheSameChoice) {
  constexpr std::array<StateIndex, 2> other_order{3, 1};
  const ClockFilter filter{4, second_and_fourth, Depth::deep};
  EXPECT_EQ(filter, (ClockFilter{4, other_order, Depth::deep}));
  EXPECT_NE(filter, (ClockFilter{4, other_order, Depth::shallow}));
  EXPECT_NE(filter, ClockFilter{4});
}

}  // namespace
}  // namespace am::rpc::internal
