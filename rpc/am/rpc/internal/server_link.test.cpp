#include <am/rpc/internal/server_link.hpp>

#include <am/rpc/internal/server_link_test.hpp>

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <string>

namespace am::rpc::internal {
namespace {

using State = ServerLink::State;

// -- handshake -----------------------------------------------------------------------------------

TEST(ServerLink, AHelloIsPassedOn) {
  ServerHarness h;
  Hello hello;
  hello.client_id = "c";
  hello.machine_id = "m";
  hello.session = 8;
  hello.fingerprint = 9;
  h.receive(hello);
  const auto* event = h.event<HelloReceived>();
  ASSERT_NE(event, nullptr);
  EXPECT_EQ(event->client_id, "c");
  EXPECT_EQ(event->machine_id, "m");
  EXPECT_EQ(event->session, 8U);
  EXPECT_EQ(event->fingerprint, 9U);
  EXPECT_EQ(h.link.state(), State::greeted);
  EXPECT_TRUE(h.effects.frames.empty());
}

TEST(ServerLink, TheWelcomeCarriesEpochSchemaAndClocks) {
  ServerHarness h;
  h.source = {{3, 0, 1, 0}, 7, 2};
  h.open();
  EXPECT_EQ(h.link.state(), State::open);
  const auto welcome = h.sent<Welcome>();
  EXPECT_EQ(welcome.epoch, 5U);
  EXPECT_EQ(welcome.fingerprint, 9U);
  EXPECT_EQ(welcome.machine_id, "m");
  EXPECT_EQ(welcome.schema.size(), 6U);
  EXPECT_EQ(welcome.sequence, 0U);
  EXPECT_EQ(welcome.digest, digest_of(h.source));
  EXPECT_EQ(h.scratch.clocks, h.source);
}

TEST(ServerLink, AKnownSchemaIsNotSent) {
  ServerHarness h;
  h.open(9);
  EXPECT_TRUE(h.sent<Welcome>().schema.empty());
}

TEST(ServerLink, ARefusalTellsWhy) {
  ServerHarness h;
  h.receive(Hello{});
  h.effects.clear();
  h.link.refuse(RefuseCode::busy, "full", 500, h.effects);
  const auto refused = h.sent<Refused>();
  EXPECT_EQ(refused.code, RefuseCode::busy);
  EXPECT_EQ(refused.retry_after_ms, 500U);
  EXPECT_EQ(refused.text, "full");
  EXPECT_EQ(h.closed(), CloseReason::refused);
  EXPECT_EQ(h.link.state(), State::closed);
}

TEST(ServerLink, AWelcomeAboveTheFrameLimitBecomesARefusal) {
  ServerLinkOptions options;
  options.limits.frame = 60;
  ServerHarness h{options};
  h.receive(Hello{});
  h.effects.clear();
  h.link.accept({.schema = Bytes(100)}, h.now, h.effects);
  EXPECT_EQ(h.closed(), CloseReason::refused);
}

TEST(ServerLink, ALinkWithoutAHelloEnds) {
  ServerHarness h;
  EXPECT_EQ(h.link.next_deadline(), h.now + 5s);
  h.now += 5s - 1ns;
  EXPECT_EQ(h.poll(), 0U);
  h.now += 1ns;
  h.poll();
  EXPECT_EQ(h.sent<Bye>().code, ByeCode::timeout);
  EXPECT_EQ(h.closed(), CloseReason::handshake_timeout);
}

TEST(ServerLink, AnotherVersionIsRefused) {
  ServerHarness h;
  Hello hello;
  hello.version_low = hello.version_high = 2;
  h.receive(hello);
  EXPECT_EQ(h.sent<Refused>().code, RefuseCode::version);
  EXPECT_EQ(h.closed(), CloseReason::version);
}

TEST(ServerLink, MutationsBeforeTheHandshakeAreRefused) {
  ServerHarness h;
  h.mutate(1);
  EXPECT_EQ(h.sent<Problem>().code, ErrorCode::not_open);
  EXPECT_EQ(h.sent<Problem>().request, 1U);
  EXPECT_TRUE(h.effects.events.empty());
  EXPECT_EQ(h.link.state(), State::waiting);
  EXPECT_EQ(h.link.stats().refused, 1U);
}

TEST(ServerLink, ASecondHelloEndsTheLink) {
  ServerHarness h;
  h.open();
  h.receive(Hello{});
  EXPECT_EQ(h.sent<Bye>().code, ByeCode::protocol);
  EXPECT_EQ(h.closed(), CloseReason::protocol);
}

// -- requests ------------------------------------------------------------------------------------

TEST(ServerLink, AMutationIsPassedOnAndItsReplyCarriesTheClocks) {
  ServerHarness h;
  h.open();
  const std::array<StateIndex, 2> called{3, 1};
  h.receive(Mutate{5, Op::toggle, 5, called, as_bytes("args")});
  const auto* event = h.event<MutationReceived>();
  ASSERT_NE(event, nullptr);
  EXPECT_EQ(event->request, 5U);
  EXPECT_EQ(event->op, Op::toggle);
  EXPECT_TRUE(std::ranges::equal(event->called, called));
  EXPECT_EQ(event->args.size(), 4U);

  h.change(3);
  h.result(5);
  const auto reply = h.sent<Reply>();
  EXPECT_EQ(reply.request, 5U);
  EXPECT_EQ(reply.sequence, 1U);
  EXPECT_EQ(reply.result, Result::executed);
  EXPECT_EQ(h.scratch.diff, (Diff{{{3, 1}}, 1, 0}));
  EXPECT_EQ(reply.digest, short_digest(digest_of(h.source)));
  EXPECT_EQ(h.link.running(), 0U);
}

TEST(ServerLink, AStateThatDoesNotExistIsRefusedAndTheLinkGoesOn) {
  ServerHarness h;
  h.open();
  const std::array<StateIndex, 2> called{3, 4};
  h.mutate(1, called);
  const auto reply = h.sent<Reply>();
  EXPECT_EQ(reply.result, (Result{Result::not_sent, Reason::denied}));
  EXPECT_EQ(reply.text, "no state at index 4: the machine has 4");
  EXPECT_EQ(reply.sequence, 1U) << "a lost refusal must leave a gap";
  EXPECT_TRUE(h.scratch.diff.empty());
  EXPECT_TRUE(h.effects.events.empty());
  EXPECT_EQ(h.link.state(), State::open);
  EXPECT_EQ(h.link.stats().refused, 1U);
}

TEST(ServerLink, ARequestThatComesAgainIsNotExecutedAgain) {
  ServerHarness h;
  h.open();
  h.mutate(5);
  h.mutate(5);
  EXPECT_EQ(h.sent<Problem>().code, ErrorCode::duplicate);
  EXPECT_TRUE(h.effects.events.empty());
  h.mutate(4);
  EXPECT_EQ(h.sent<Problem>().code, ErrorCode::duplicate);
  EXPECT_EQ(h.link.stats().duplicates, 2U);
  EXPECT_EQ(h.link.running(), 1U);
}

TEST(ServerLink, MoreRequestsThanTheLimitAreAnsweredQueueFull) {
  ServerLinkOptions options;
  options.limits.pending_requests = 2;
  ServerHarness h{options};
  h.open();
  h.mutate(1);
  h.mutate(2);
  EXPECT_NE(h.event<MutationReceived>(), nullptr);
  h.mutate(3);
  EXPECT_EQ(h.sent<Reply>().result, (Result{Result::not_sent, Reason::queue_full}));
  h.result(1);
  h.mutate(4);
  EXPECT_NE(h.event<MutationReceived>(), nullptr);
}

TEST(ServerLink, AResultIsSentOnce) {
  ServerHarness h;
  h.open();
  h.mutate(1);
  h.result(1);
  EXPECT_EQ(h.effects.frames.size(), 1U);
  h.result(1);
  EXPECT_TRUE(h.effects.frames.empty());
}

TEST(ServerLink, TheLowestUnansweredRequestIsRemembered) {
  ServerHarness h;
  h.open();
  h.receive(Mutate{5, Op::add, 3, first_state, {}});
  h.receive(Mutate{6, Op::add, 2, first_state, {}});
  EXPECT_EQ(h.link.lowest_unanswered(), 3U);
}

// -- sequence and snapshots ----------------------------------------------------------------------

TEST(ServerLink, RepliesPushesAndSnapshotsShareOneSequence) {
  ServerHarness h{interval(0ns)};
  h.open();
  h.change(0);
  h.poll();
  EXPECT_EQ(h.sent<Push>().sequence, 1U);
  h.mutate(1);
  h.result(1);
  EXPECT_EQ(h.sent<Reply>().sequence, 2U);
  h.receive(Sync{});
  EXPECT_NE(h.event<SyncReceived>(), nullptr);
  h.effects.clear();
  h.link.send_snapshot(h.source, h.now, h.effects);
  EXPECT_EQ(h.sent<Snapshot>().sequence, 3U);
  h.change(0);
  h.poll();
  EXPECT_EQ(h.sent<Push>().sequence, 4U);
  EXPECT_EQ(h.link.sequence(), 4U);
}

TEST(ServerLink, ASnapshotTellsWhichRequestsHaveNoAnswer) {
  ServerHarness h;
  h.open();
  const auto snapshot = [&] {
    h.effects.clear();
    h.link.send_snapshot(h.source, h.now, h.effects);
    return h.sent<Snapshot>();
  };
  EXPECT_EQ(snapshot().last_request, 0U);
  h.mutate(3);
  h.mutate(8);
  h.mutate(9);
  h.result(8);
  EXPECT_EQ(snapshot().last_request, 9U);
  EXPECT_EQ(h.scratch.running, (std::vector<RequestId>{3, 9}));
  h.result(3);
  h.result(9);
  EXPECT_TRUE(snapshot().running.empty());
}

TEST(ServerLink, ManySyncsAreAnsweredOnce) {
  ServerHarness h;
  h.open();
  h.receive(Sync{});
  EXPECT_EQ(h.effects.events.size(), 1U);
  h.receive(Sync{});
  EXPECT_TRUE(h.effects.events.empty());
  h.link.send_snapshot(h.source, h.now, h.effects);
  h.receive(Sync{});
  EXPECT_EQ(h.effects.events.size(), 1U);
}

TEST(ServerLink, ClocksThatWentBackAreSentAsASnapshot) {
  ServerHarness h{interval(0ns)};
  h.source.ticks[0] = 9;
  h.open();
  h.source.ticks[0] = 2;
  h.source.machine_tick = 1;
  h.link.on_source_changed(SourceChange::ticks, h.now);
  EXPECT_EQ(h.poll(), 1U);
  EXPECT_EQ(h.sent<Snapshot>().sequence, 1U);

  h.mutate(1);
  h.source.ticks[0] = 0;
  h.source.machine_tick = 2;
  h.result(1);
  ASSERT_EQ(h.effects.frames.size(), 2U);
  EXPECT_EQ(h.sent<Snapshot>(0).sequence, 2U);
  EXPECT_EQ(h.sent<Reply>(1).sequence, 3U);
  EXPECT_TRUE(h.scratch.diff.empty());
}

TEST(ServerLink, AMachineOfAnotherSizeEndsTheLink) {
  ServerHarness h{interval(0ns)};
  h.open();
  h.change(0);
  h.source.ticks.push_back(0);
  h.poll();
  EXPECT_EQ(h.sent<Bye>().code, ByeCode::schema_changed);
  EXPECT_EQ(h.closed(), CloseReason::schema);
}

TEST(ServerLink, APongCarriesTheSequence) {
  ServerHarness h{interval(0ns)};
  h.open();
  h.change(0);
  h.poll();
  h.receive(Ping{77});
  EXPECT_EQ(h.sent<Pong>().token, 77U);
  EXPECT_EQ(h.sent<Pong>().sequence, 1U);
}

// -- bad frames ----------------------------------------------------------------------------------

TEST(ServerLink, AFrameThatCannotBeReadEndsTheLink) {
  ServerHarness h;
  h.open();
  h.mutate(1);
  h.receive_bytes({0x02, link_id, 0x80});
  EXPECT_EQ(h.sent<Bye>().code, ByeCode::malformed);
  EXPECT_EQ(h.closed(), CloseReason::malformed);
  EXPECT_EQ(h.link.stats().malformed, 1U);
  EXPECT_EQ(h.link.running(), 0U);
  h.result(1);
  EXPECT_TRUE(h.effects.frames.empty()) << "results after the end are ignored";
}

TEST(ServerLink, AnEmptyFrameEndsTheLink) {
  ServerHarness h;
  h.receive_bytes({});
  EXPECT_EQ(h.closed(), CloseReason::malformed);
}

TEST(ServerLink, AnOversizedFrameEndsTheLink) {
  ServerLinkOptions options;
  options.limits.args = 10;
  ServerHarness h{options};
  h.open();
  h.receive(Mutate{1, Op::add, 1, first_state, Bytes(11)});
  EXPECT_EQ(h.closed(), CloseReason::oversized);
}

TEST(ServerLink, AMessageOfAnUnknownTypeIsAnsweredAndTheLinkGoesOn) {
  ServerHarness h;
  h.open();
  h.receive_bytes({0x55, link_id, 1, 2, 3});
  EXPECT_EQ(h.sent<Problem>().code, ErrorCode::unknown_message);
  EXPECT_EQ(h.sent<Problem>().request, 0U);
  EXPECT_EQ(h.link.state(), State::open);
  EXPECT_EQ(h.link.stats().unknown_messages, 1U);
}

TEST(ServerLink, AFrameOfAnotherLinkEndsTheLink) {
  ServerHarness h;
  h.open();
  h.receive(Sync{}, link_id + 1);
  EXPECT_EQ(h.closed(), CloseReason::protocol);
}

TEST(ServerLink, AByeEndsTheLinkWithoutAnAnswer) {
  ServerHarness h;
  h.open();
  h.receive(Bye{ByeCode::restarting, 100});
  EXPECT_EQ(h.closed(), CloseReason::bye);
  EXPECT_EQ(h.event<LinkClosed>()->bye, ByeCode::restarting);
  EXPECT_TRUE(h.effects.frames.empty());
}

TEST(ServerLink, ClosingSaysByeOnce) {
  ServerHarness h;
  h.open();
  h.effects.clear();
  h.link.close(ByeCode::restarting, 2000, h.effects);
  EXPECT_EQ(h.sent<Bye>().code, ByeCode::restarting);
  EXPECT_EQ(h.sent<Bye>().retry_after_ms, 2000U);
  EXPECT_EQ(h.closed(), CloseReason::local);
  h.effects.clear();
  h.link.close(ByeCode::closing, 0, h.effects);
  h.receive(Sync{});
  EXPECT_TRUE(h.effects.frames.empty() && h.effects.events.empty());
}

}  // namespace
}  // namespace am::rpc::internal
