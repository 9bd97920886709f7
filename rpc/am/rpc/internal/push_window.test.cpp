#include <am/rpc/internal/push_window.hpp>

#include <gtest/gtest.h>

namespace am::rpc::internal {
namespace {

using namespace std::chrono_literals;

struct PushWindowTest : ::testing::Test {
  void send(std::uint64_t frames) {
    for (std::uint64_t i = 0; i < frames; ++i) window.sent();
  }
  PushWindow::TimePoint now{1h};
  PushWindow window{8};
};

TEST_F(PushWindowTest, IsFullAtItsSize) {
  send(7);
  EXPECT_FALSE(window.full());
  send(1);
  EXPECT_TRUE(window.full());
  EXPECT_EQ(window.under_way(), 8U);
}

TEST_F(PushWindowTest, AsksOnceAtHalfItsSize) {
  send(3);
  EXPECT_FALSE(window.should_ask());
  send(1);
  EXPECT_TRUE(window.should_ask());
  EXPECT_EQ(window.ask(1, now), 4U);
  send(4);
  EXPECT_FALSE(window.should_ask());
  window.answered(4);
  EXPECT_EQ(window.under_way(), 4U);
  EXPECT_TRUE(window.should_ask());
}

TEST_F(PushWindowTest, OfSizeOneAsksForEachFrame) {
  PushWindow one(1);
  EXPECT_FALSE(one.should_ask());
  one.sent();
  EXPECT_TRUE(one.full() && one.should_ask());
}

TEST_F(PushWindowTest, IgnoresTokensThatItHasNotGiven) {
  send(8);
  window.ask(1, now);
  window.answered(9);
  EXPECT_TRUE(window.full());
  window.answered(8);
  EXPECT_EQ(window.under_way(), 0U);
  window.answered(3);
  EXPECT_EQ(window.under_way(), 0U);
}

TEST_F(PushWindowTest, AsksAgainLaterAndLater) {
  send(8);
  EXPECT_LE(window.ask_again_at(), now);
  for (const auto delay : {1s, 2s, 4s, 8s, 16s, 32s, 64s, 64s}) {
    window.ask(1, now);
    EXPECT_EQ(window.ask_again_at(), now + delay);
  }
  window.answered(8);
  send(8);
  window.ask(1, now);
  EXPECT_EQ(window.ask_again_at(), now + 1s);
}

TEST_F(PushWindowTest, LearnsFromRequestsWhichRepliesHaveArrived) {
  for (RequestId request = 1; request < 100; ++request) {
    window.has_replies_below(1, request);
    send(1);
    window.sent_reply(1, request);
    EXPECT_FALSE(window.should_ask());
  }
  window.has_replies_below(2, 100);  // of another link
  EXPECT_EQ(window.under_way(), 1U);
}

TEST_F(PushWindowTest, AsksAnotherLinkWhenTheAskedOneHasEnded) {
  send(8);
  window.ask(1, now);
  window.forget(2);
  EXPECT_GT(window.ask_again_at(), now);
  window.forget(1);
  EXPECT_LE(window.ask_again_at(), now);
}

}  // namespace
}  // namespace am::rpc::internal
