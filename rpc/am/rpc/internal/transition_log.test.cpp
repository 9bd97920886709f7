#include <am/rpc/internal/transition_log.hpp>

#include <gtest/gtest.h>

namespace am::rpc::internal {
namespace {

/// A transition of state 1 to `tick`.
struct Made {
  explicit Made(std::uint64_t tick) {
    transition.called = called;
    transition.changes = {{1, Tick{tick - 1}, Tick{tick}}};
    transition.queue_tick = QueueTick{tick + 1};
  }
  std::vector<StateIndex> called{1};
  Transition transition{};
};

TEST(TransitionLog, TellsOfTheFirstOneThatWaits) {
  TransitionLog log;
  EXPECT_FALSE(log.wanted());
  log.want(true);
  EXPECT_TRUE(log.wanted());
  EXPECT_TRUE(log.add(Made(1).transition));
  EXPECT_FALSE(log.add(Made(2).transition));
  std::vector<LoggedTransition> taken;
  EXPECT_TRUE(log.take(taken));
  ASSERT_EQ(taken.size(), 2U);
  EXPECT_EQ(taken[1].changes[0].after, 2U);
  EXPECT_EQ(taken[1].called, std::vector<StateIndex>{1});
  EXPECT_TRUE(log.add(Made(3).transition));
}

TEST(TransitionLog, LeavesOutWhatIsNoMutationAndChangesNothing) {
  TransitionLog log;
  log.want(true);
  EXPECT_FALSE(log.add(Transition{}));
  std::vector<LoggedTransition> taken;
  EXPECT_TRUE(log.take(taken));
  EXPECT_TRUE(taken.empty());
}

// T-16: it does not grow without end.
TEST(TransitionLog, IsBoundedAndSaysWhenSomeWereLost) {
  TransitionLog log;
  log.want(true);
  for (std::size_t i = 0; i < 3 * TransitionLog::max_waiting; ++i) log.add(Made(i + 1).transition);
  std::vector<LoggedTransition> taken;
  EXPECT_FALSE(log.take(taken));
  EXPECT_TRUE(taken.empty());
  EXPECT_TRUE(log.add(Made(1).transition)) << "it goes on";
  EXPECT_TRUE(log.take(taken));
  EXPECT_EQ(taken.size(), 1U);
}

TEST(TransitionLog, WhatIsInTheClocksAlreadyIsNoNews) {
  Clocks clocks{{0, 2}, 3, 0};
  TransitionLog log;
  log.want(true);
  log.add(Made(2).transition);
  log.add(Made(3).transition);
  std::vector<LoggedTransition> taken;
  log.take(taken);
  EXPECT_FALSE(apply(taken[0], clocks));
  EXPECT_TRUE(apply(taken[1], clocks));
  EXPECT_EQ(clocks, (Clocks{{0, 3}, 4, 0}));
}

}  // namespace
}  // namespace am::rpc::internal
