#include <am/rpc/internal/client_link.hpp>

#include <am/rpc/internal/client_link_test.hpp>

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <string>

namespace am::rpc::internal {
namespace {

TEST(Resync, AGapAsksForASnapshot) {
  ClientHarness h;
  h.open();
  h.lose_a_push();
  EXPECT_TRUE(h.effects.events.empty());
  EXPECT_TRUE(h.link.resyncing());
  h.sent<Sync>();
  EXPECT_EQ(h.link.clocks().ticks, (std::vector<std::uint64_t>{0, 0, 0, 0}));

  h.push(h.change(2));  // older than the snapshot
  EXPECT_TRUE(h.effects.events.empty() && h.effects.frames.empty());
  h.snapshot();
  EXPECT_EQ(h.event<ClocksChanged>(0).cause, ClocksCause::snapshot);
  h.event<Synced>(1);
  EXPECT_EQ(h.effects.changed, (std::vector<StateIndex>{0, 1, 2}));
  EXPECT_EQ(h.link.clocks(), h.source);
  EXPECT_FALSE(h.link.resyncing());
  EXPECT_EQ(h.link.stats().resyncs, 1U);
  EXPECT_EQ(h.link.stats().dropped_diffs, 2U);
  h.push(h.change(3));
  h.event<ClocksChanged>();
  EXPECT_EQ(h.link.clocks(), h.source);
}

TEST(Resync, ADigestThatDoesNotMatchAsksForASnapshot) {
  ClientHarness h;
  h.open();
  h.change(0);
  h.push({{{1, 1}}, 1, 0});
  h.sent<Sync>();
  EXPECT_TRUE(h.effects.events.empty()) << "nobody sees clocks that never were";
  h.snapshot();
  EXPECT_EQ(h.link.clocks(), h.source);
}

TEST(Resync, ADiffThatDoesNotFitAsksForASnapshot) {
  for (const Diff& diff :
       {Diff{{{4, 1}}, 0, 0}, Diff{{}, std::numeric_limits<std::uint64_t>::max(), 0}}) {
    ClientHarness h;
    h.open();
    h.push(diff);
    h.sent<Sync>();
  }
}

TEST(Resync, AResultWaitsForTheSnapshotThatShowsIt) {
  ClientHarness h;
  h.open();
  const RequestId request = h.call();
  h.lose_a_push();
  h.reply(request, h.change(0));
  EXPECT_TRUE(h.effects.events.empty());
  EXPECT_EQ(h.link.pending(), 1U);
  h.snapshot(request);
  ASSERT_EQ(h.effects.events.size(), 3U);
  h.event<ClocksChanged>(0);
  h.event<Synced>(1);
  EXPECT_EQ(h.event<Replied>(2).result, Result::executed);
}

TEST(Resync, AResultThatWaitsIsStillGivenAtItsDeadlineAndAtTheEnd) {
  ClientHarness h;
  h.open();
  const RequestId first = h.call(h.now + 1ms);
  const RequestId second = h.call();
  h.lose_a_push();
  h.reply(first, {});
  h.reply(second, {});
  h.now += 1ms;
  h.poll();
  EXPECT_EQ(h.event<Replied>().request, first);
  EXPECT_EQ(h.event<Replied>().result, Result::executed);
  h.effects.clear();
  h.link.abandon("lost", h.effects);
  EXPECT_EQ(h.event<Replied>().request, second);
  EXPECT_EQ(h.event<Replied>().result, Result::executed);
}

TEST(Resync, ALostReplyIsFoundByTheSnapshot) {
  ClientHarness h;
  h.open();
  const RequestId running = h.call();
  const RequestId lost = h.call();
  h.call();  // on its way to the server
  h.change(0);
  ++h.sequence;  // the reply of `lost`
  h.push(h.change(1));
  h.snapshot(lost, {running});
  ASSERT_EQ(h.effects.events.size(), 3U);
  EXPECT_EQ(h.event<Replied>(2).request, lost);
  EXPECT_EQ(h.event<Replied>(2).result, (Result{Result::unknown, Reason::link}));
  EXPECT_EQ(h.link.pending(), 2U);
  EXPECT_EQ(h.link.stats().lost_replies, 1U);
}

TEST(Resync, APongFindsOutThatTheLastPushWasLost) {
  ClientHarness h;
  h.open();
  h.receive(Pong{1, h.sequence});
  EXPECT_EQ(h.event<Ponged>().token, 1U);
  EXPECT_TRUE(h.effects.frames.empty());
  h.change(0);
  h.receive(Pong{2, ++h.sequence});
  h.sent<Sync>();
  h.snapshot();
  EXPECT_EQ(h.link.clocks(), h.source);
}

TEST(Resync, ASnapshotThatDoesNotComeIsAskedForAgainUntilTheLimit) {
  ClientLinkOptions options = ClientHarness::known();
  options.limits.resync_attempts = 2;
  ClientHarness h{options};
  h.open();
  h.lose_a_push();
  EXPECT_EQ(h.link.next_deadline(), h.now + 1s);
  h.now += 1s;
  h.poll();
  h.sent<Sync>();
  h.now += 1s;
  h.poll();
  EXPECT_EQ(h.closed(), CloseReason::resync_timeout);
}

TEST(Resync, ABrokenSnapshotIsAskedForAgain) {
  ClientHarness h;
  h.open();
  h.receive(Snapshot{++h.sequence, 0, {}, h.source, 1});
  h.sent<Sync>();
  EXPECT_TRUE(h.link.resyncing());
  h.snapshot();
  EXPECT_FALSE(h.link.resyncing());
}

TEST(Resync, ARepeatedMessageIsLeftAside) {
  ClientHarness h;
  h.open();
  const Diff diff = h.change(0);
  h.push(diff);
  --h.sequence;
  h.push(diff);
  EXPECT_TRUE(h.effects.events.empty() && h.effects.frames.empty());
  EXPECT_EQ(h.link.clocks(), h.source);
}

}  // namespace
}  // namespace am::rpc::internal
