#include <am/rpc/internal/client_link.hpp>

#include <am/rpc/internal/client_link_test.hpp>
#include <am/rpc/internal/schema_codec.hpp>

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <string>

namespace am::rpc::internal {
namespace {

using State = ClientLink::State;

// -- handshake -----------------------------------------------------------------------------------

TEST(ClientLink, StartingSendsAHello) {
  ClientLinkOptions options = ClientHarness::known();
  options.client_id = "c";
  options.machine_id = "m";
  options.session = 8;
  ClientHarness h{options};
  h.link.start({}, h.now, h.effects);
  const auto hello = h.sent<Hello>();
  EXPECT_EQ(hello.client_id, "c");
  EXPECT_EQ(hello.machine_id, "m");
  EXPECT_EQ(hello.session, 8U);
  EXPECT_EQ(hello.fingerprint, 9U);
  EXPECT_EQ(h.link.state(), State::greeting);
}

TEST(ClientLink, TheWelcomeOpensItWithTheKnownSchema) {
  ClientHarness h;
  h.source = {{1, 2, 3, 4}, 5, 6};
  h.open();
  const auto opened = h.event<LinkOpened>();
  EXPECT_EQ(opened.machine_id, "m");
  EXPECT_EQ(opened.epoch, 5U);
  EXPECT_FALSE(opened.schema);
  EXPECT_EQ(h.link.clocks(), h.source);
  EXPECT_EQ(h.link.next_deadline(), never);
}

TEST(ClientLink, TheWelcomeOpensItWithANewSchema) {
  const Schema schema{{"A", {}}, {"B", {}}, {"C", {}}, {"Exception", {}}};
  Bytes bytes;
  Writer writer{bytes};
  ASSERT_TRUE(encode_schema(schema, writer));
  ClientHarness h{ClientLinkOptions{}};
  h.link.start({}, h.now, h.effects);
  Welcome welcome = h.welcome();
  welcome.schema = bytes;
  h.receive(welcome);
  EXPECT_EQ(h.event<LinkOpened>().schema, schema);
}

TEST(ClientLink, AWelcomeThatContradictsItselfEndsTheLink) {
  const auto end_of = [](auto edit) {
    ClientHarness h;
    h.link.start({}, h.now, h.effects);
    Welcome welcome = h.welcome();
    edit(h, welcome);
    h.receive(welcome);
    EXPECT_EQ(h.effects.frames.size(), 1U);  // a bye
    return h.closed();
  };
  const Bytes garbage(5);
  const Clocks other{{1, 2}, 1, 0};
  EXPECT_EQ(end_of([](ClientHarness&, Welcome& w) { w.digest += 1; }), CloseReason::malformed);
  EXPECT_EQ(end_of([](ClientHarness&, Welcome& w) { w.fingerprint = 10; }), CloseReason::schema);
  EXPECT_EQ(end_of([](ClientHarness&, Welcome& w) { w.features = 1; }), CloseReason::protocol);
  EXPECT_EQ(end_of([&](ClientHarness&, Welcome& w) { w.schema = garbage; }), CloseReason::schema);
  EXPECT_EQ(end_of([&](ClientHarness&, Welcome& w) {
              w.clocks = other;
              w.digest = digest_of(other);
            }),
            CloseReason::schema);
}

TEST(ClientLink, ARefusalEndsItWithCodeAndText) {
  ClientHarness h;
  h.link.start({}, h.now, h.effects);
  h.receive(Refused{RefuseCode::busy, 700, "full"});
  const auto closed = h.event<LinkClosed>();
  EXPECT_EQ(closed.reason, CloseReason::refused);
  EXPECT_EQ(closed.refused, RefuseCode::busy);
  EXPECT_EQ(closed.retry_after_ms, 700U);
  EXPECT_EQ(closed.text, "refused (busy): full");
}

TEST(ClientLink, ASilentServerEndsItAtTheHandshakeDeadline) {
  ClientHarness h;
  h.link.start({}, h.now, h.effects);
  EXPECT_EQ(h.link.next_deadline(), h.now + 5s);
  h.now += 5s;
  h.poll();
  EXPECT_EQ(h.closed(), CloseReason::handshake_timeout);
}

TEST(ClientLink, ClocksBeforeTheWelcomeEndIt) {
  ClientHarness h;
  h.link.start({}, h.now, h.effects);
  h.push(h.change(0));
  EXPECT_EQ(h.closed(), CloseReason::protocol);
}

TEST(ClientLink, AnIdAboveItsLimitIsFoundBeforeAnythingIsSent) {
  ClientLinkOptions options;
  options.client_id = std::string(256, 'x');
  ClientHarness h{options};
  h.link.start({}, h.now, h.effects);
  EXPECT_EQ(h.closed(), CloseReason::local);
  EXPECT_TRUE(h.effects.frames.empty());
}

// -- calls ---------------------------------------------------------------------------------------

TEST(ClientLink, AReplyMovesTheClocksAndThenAnswersTheCall) {
  ClientHarness h;
  h.open();
  const RequestId request = h.call();
  EXPECT_EQ(h.sent<Mutate>().request, request);
  h.reply(request, h.change(2));
  ASSERT_EQ(h.effects.events.size(), 2U);
  EXPECT_EQ(h.event<ClocksChanged>(0).cause, ClocksCause::reply);
  EXPECT_EQ(h.effects.changed, std::vector<StateIndex>{2});
  EXPECT_EQ(h.event<Replied>(1).request, request);
  EXPECT_EQ(h.event<Replied>(1).result, Result::executed);
  EXPECT_EQ(h.link.clocks(), h.source);
  EXPECT_EQ(h.link.pending(), 0U);
}

TEST(ClientLink, AReplyWithoutChangesOnlyAnswersTheCall) {
  ClientHarness h;
  h.open();
  h.reply(h.call(), {}, {Result::canceled, Reason::handler});
  ASSERT_EQ(h.effects.events.size(), 1U);
  EXPECT_EQ(h.event<Replied>().result, (Result{Result::canceled, Reason::handler}));
}

TEST(ClientLink, TheLowestUnansweredRequestIsSentWithEachCall) {
  ClientHarness h;
  h.open();
  const RequestId first = h.call();
  const RequestId second = h.call();
  EXPECT_EQ(h.sent<Mutate>().lowest_unanswered, first);
  h.reply(first, {});
  h.call();
  EXPECT_EQ(h.sent<Mutate>().lowest_unanswered, second);
}

TEST(ClientLink, ACallThatCannotBeSentIsAnsweredAtOnce) {
  ClientLinkOptions options = ClientHarness::known();
  options.limits.pending_calls = 1;
  options.limits.args = 3;
  ClientHarness h{options};
  const std::array<StateIndex, 1> unknown{4};
  const auto answer = [&](std::span<const StateIndex> called, ByteView args) {
    h.effects.clear();
    const RequestId request = h.link.mutate(Op::add, called, args, never, h.effects);
    EXPECT_TRUE(h.effects.frames.empty());
    EXPECT_EQ(h.event<Replied>().request, request);
    EXPECT_EQ(h.event<Replied>().result, Result::not_sent);
    return h.event<Replied>().result.reason();
  };
  EXPECT_EQ(answer(first_state, {}), Reason::link);
  h.open();
  EXPECT_EQ(answer(unknown, {}), Reason::denied);
  EXPECT_EQ(answer(first_state, Bytes(4)), Reason::denied);
  h.call();
  EXPECT_EQ(answer(first_state, {}), Reason::queue_full);
}

TEST(ClientLink, ACallAtItsDeadlineIsUnknownAndItsLateReplyStillMovesTheClocks) {
  ClientHarness h;
  h.open();
  const RequestId request = h.call(h.now + 10ms);
  EXPECT_EQ(h.link.next_deadline(), h.now + 10ms);
  h.now += 10ms;
  h.poll();
  EXPECT_EQ(h.event<Replied>().request, request);
  EXPECT_EQ(h.event<Replied>().result, (Result{Result::unknown, Reason::timeout}));
  EXPECT_EQ(h.link.next_deadline(), never);
  h.reply(request, h.change(0));
  ASSERT_EQ(h.effects.events.size(), 1U);
  h.event<ClocksChanged>();
  EXPECT_EQ(h.link.clocks(), h.source);
  EXPECT_EQ(h.link.stats().late_replies, 1U);
}

TEST(ClientLink, ErrorFramesBecomeResults) {
  ClientHarness h;
  h.open();
  const auto result_of = [&](ErrorCode code) {
    h.receive(Problem{h.call(), code, "why"});
    EXPECT_EQ(h.event<Replied>().error, "why");
    return h.event<Replied>().result;
  };
  EXPECT_EQ(result_of(ErrorCode::not_open), (Result{Result::not_sent, Reason::link}));
  EXPECT_EQ(result_of(ErrorCode::duplicate), (Result{Result::unknown, Reason::link}));
  EXPECT_EQ(result_of(ErrorCode{200}), (Result{Result::unknown, Reason::denied}));
}

TEST(ClientLink, EveryCallIsAnsweredBeforeTheLinkEnds) {
  ClientHarness h;
  h.open();
  h.call();
  h.call();
  h.receive(Bye{ByeCode::restarting, 300});
  ASSERT_EQ(h.effects.events.size(), 3U);
  for (const std::size_t i : {0U, 1U}) {
    EXPECT_EQ(h.event<Replied>(i).request, i + 1);
    EXPECT_EQ(h.event<Replied>(i).result, (Result{Result::unknown, Reason::link}));
  }
  EXPECT_EQ(h.event<LinkClosed>(2).reason, CloseReason::bye);
  EXPECT_EQ(h.event<LinkClosed>(2).bye, ByeCode::restarting);
  EXPECT_EQ(h.event<LinkClosed>(2).retry_after_ms, 300U);
  EXPECT_TRUE(h.effects.frames.empty()) << "a bye is not answered";
}

TEST(ClientLink, ClosingSaysByeAndAbandoningDoesNot) {
  ClientHarness closing;
  closing.open();
  closing.effects.clear();
  closing.link.close(ByeCode::closing, closing.effects);
  EXPECT_EQ(closing.sent<Bye>().code, ByeCode::closing);
  EXPECT_EQ(closing.closed(), CloseReason::local);
  ClientHarness abandoned;
  abandoned.open();
  abandoned.effects.clear();
  abandoned.link.abandon("the connection was lost", abandoned.effects);
  EXPECT_TRUE(abandoned.effects.frames.empty());
  EXPECT_EQ(abandoned.event<LinkClosed>().text, "the connection was lost");
}

TEST(ClientLink, ASyncWithoutChangesIsSyncedOnly) {
  ClientHarness h;
  h.open();
  h.effects.clear();
  h.link.sync(h.effects);
  h.sent<Sync>();
  h.snapshot();
  ASSERT_EQ(h.effects.events.size(), 1U);
  h.event<Synced>();
}

TEST(ClientLink, ClocksGoBackOnlyWithTheMachineTick) {
  ClientHarness h;
  h.source.ticks[0] = 9;
  h.open();
  h.source.ticks[0] = 2;
  h.source.machine_tick = 1;
  h.snapshot();
  EXPECT_EQ(h.link.clocks(), h.source);
  EXPECT_EQ(h.effects.changed, std::vector<StateIndex>{0});
  h.source.ticks[0] = 1;
  h.snapshot();
  EXPECT_EQ(h.closed(), CloseReason::protocol);
}

// -- bad frames ----------------------------------------------------------------------------------

TEST(ClientLink, AFrameThatCannotBeReadEndsTheLink) {
  ClientHarness h;
  h.open();
  h.receive_bytes({0x14, link_id});
  EXPECT_EQ(h.closed(), CloseReason::malformed);
  EXPECT_EQ(h.sent<Bye>().code, ByeCode::malformed);
  EXPECT_EQ(h.event<LinkClosed>().text, "push.sequence: truncated");
}

TEST(ClientLink, AMessageOfAnUnknownTypeIsCountedOnly) {
  ClientHarness h;
  h.open();
  h.receive_bytes({0x55, link_id, 1});
  EXPECT_TRUE(h.effects.events.empty() && h.effects.frames.empty());
  EXPECT_EQ(h.link.stats().unknown_messages, 1U);
}

TEST(ClientLink, APingIsAnswered) {
  ClientHarness h;
  h.open();
  h.receive(Ping{6});
  EXPECT_EQ(h.sent<Pong>().token, 6U);
}

TEST(ClientLink, OnePollEndsAllThatIsOverdue) {
  auto options = ClientHarness::known();
  options.resumable = true;
  ClientHarness h{options};
  h.open();
  h.link.mutate(Op::add, first_state, {}, h.now + 1s, h.effects);
  h.link.abandon("gone", h.effects);
  h.link.restart(link_id + 1, {}, h.now, h.effects);
  h.now += 1h;
  h.link.poll(h.now, h.effects);
  EXPECT_EQ(h.link.state(), ClientLink::State::closed);
  EXPECT_EQ(h.link.pending(), 0U);
  EXPECT_EQ(h.link.next_deadline(), never);
}

}  // namespace
}  // namespace am::rpc::internal
