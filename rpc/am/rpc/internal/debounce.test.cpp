#include <am/rpc/internal/server_link.hpp>

#include <am/rpc/internal/server_link_test.hpp>

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <string>

namespace am::rpc::internal {
namespace {

TEST(Debounce, TheFirstChangeAfterAQuietTimeIsSentAtOnce) {
  ServerHarness h{interval(10ms)};
  h.open();
  h.now += 10ms;
  h.change(1);
  EXPECT_TRUE(h.link.due(h.now));
  EXPECT_EQ(h.poll(), 1U);
  EXPECT_EQ(h.sent<Push>().sequence, 1U);
  EXPECT_EQ(h.scratch.diff, (Diff{{{1, 1}}, 1, 0}));
}

TEST(Debounce, ChangesWithinTheIntervalAreSentTogetherAtItsEnd) {
  ServerHarness h{interval(10ms)};
  h.open();  // counts as a send
  const auto opened = h.now;
  h.now += 1ms;
  h.change(1);
  EXPECT_EQ(h.poll(), 0U);
  EXPECT_EQ(h.link.next_deadline(), opened + 10ms);
  h.now += 5ms;
  h.change(2);
  EXPECT_EQ(h.poll(), 0U);
  h.now = opened + 10ms - 1ns;
  EXPECT_EQ(h.poll(), 0U);
  h.now = opened + 10ms;
  EXPECT_EQ(h.poll(), 1U);
  EXPECT_EQ(h.sent<Push>().sequence, 1U);
  EXPECT_EQ(h.scratch.diff.changes.size(), 2U);
  EXPECT_EQ(h.link.next_deadline(), ServerLink::TimePoint::max());
}

TEST(Debounce, AReplyCountsAsASend) {
  ServerHarness h{interval(10ms)};
  h.open();
  h.now += 50ms;
  h.mutate(1);
  h.result(1);
  h.change(1);
  EXPECT_EQ(h.poll(), 0U);
  EXPECT_EQ(h.link.next_deadline(), h.now + 10ms);
}

TEST(Debounce, AChangeOfTheQueueAloneWaitsForTheTrailingEdge) {
  ServerHarness h{interval(10ms)};
  h.open();
  const auto opened = h.now;
  h.now += 4ms;
  h.change_queue();
  EXPECT_EQ(h.link.next_deadline(), opened + 10ms);
  h.now = opened + 10ms;
  EXPECT_EQ(h.poll(), 1U);
  EXPECT_EQ(h.sent<Push>().sequence, 1U);
  EXPECT_EQ(h.scratch.diff, (Diff{{}, 1, 0}));

  // After a quiet time it begins an interval, instead of being a leading edge.
  h.now += 1s;
  h.change_queue();
  EXPECT_EQ(h.link.next_deadline(), h.now + 10ms);
  h.change(0);
  EXPECT_TRUE(h.link.due(h.now)) << "a tick is urgent again";
  EXPECT_EQ(h.poll(), 1U);
}

TEST(Debounce, WithoutAnIntervalEveryPollSends) {
  ServerHarness h{interval(0ns)};
  h.open();
  h.change(1);
  EXPECT_EQ(h.poll(), 1U);
  h.change_queue();
  EXPECT_EQ(h.poll(), 1U);
  EXPECT_EQ(h.poll(), 0U);
}

TEST(Debounce, DisabledPushesSendNothing) {
  ServerLinkOptions options;
  options.push_mode = PushMode::disabled;
  ServerHarness h{options};
  h.open();
  h.change(1);
  h.now += 1h;
  EXPECT_EQ(h.poll(), 0U);
  EXPECT_EQ(h.link.next_deadline(), ServerLink::TimePoint::max());
  h.link.set_push(PushMode::debounced, 1ms);
  EXPECT_EQ(h.poll(), 1U);
}

TEST(Debounce, ARunningMutationHoldsPushesAndItsReplyClearsTheDirt) {
  ServerHarness h{interval(0ns)};
  h.open();
  h.mutate(1);
  h.mutate(2);
  h.change(1);
  EXPECT_EQ(h.link.next_deadline(), ServerLink::TimePoint::max());
  EXPECT_EQ(h.poll(), 0U);
  h.result(1);
  EXPECT_EQ(h.sent<Reply>().sequence, 1U);
  h.change(2);
  EXPECT_EQ(h.poll(), 0U) << "the second one is still running";
  h.result(2);
  EXPECT_EQ(h.poll(), 0U) << "nothing is left to push";
  h.change(3);
  EXPECT_EQ(h.poll(), 1U);
}

TEST(Debounce, ARefusedRequestDoesNotPostponePushes) {
  ServerHarness h{interval(10ms)};
  h.open();
  h.now += 10ms;
  const std::array<StateIndex, 1> unknown{99};
  h.mutate(1, unknown);
  h.change(1);
  EXPECT_EQ(h.poll(), 1U);
}

TEST(Debounce, AChangeThatWasSentAlreadyIsNotSentAgain) {
  ServerHarness h{interval(10ms)};
  h.open();
  h.link.on_source_changed(SourceChange::ticks, h.now);
  h.now += 10ms;
  EXPECT_EQ(h.poll(), 0U);
  h.change(1);
  EXPECT_EQ(h.poll(), 1U) << "an empty push is not a send";
}

TEST(Debounce, AnEndlessIntervalDoesNotOverflow) {
  ServerHarness h{interval(std::chrono::nanoseconds::max())};
  h.open();
  h.change(1);
  EXPECT_EQ(h.link.next_deadline(), ServerLink::TimePoint::max());
}

}  // namespace
}  // namespace am::rpc::internal
