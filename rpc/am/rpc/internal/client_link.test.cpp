#include <am/rpc/internal/client_link.hpp>

#include <am/rpc/internal/schema_codec.hpp>

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <initializer_list>
#include <limits>
#include <string>

namespace am::rpc::internal {
namespace {

using namespace std::chrono_literals;
using State = ClientLink::State;

constexpr LinkId link_id = 4;
constexpr auto never = ClientLink::TimePoint::max();
const std::array<StateIndex, 1> first_state{0};

// A client link and a server played by hand.
struct Harness {
  ClientLink::TimePoint now{1h};
  Clocks source{{0, 0, 0, 0}, 1, 0};
  std::uint64_t sequence = 0;
  ClientEffects effects;
  DecodeScratch scratch;
  Bytes frame;  // events point into it
  ClientLink link;

  static ClientLinkOptions known(ClientLinkOptions options = {}) {
    options.known_fingerprint = 9;
    options.known_states = 4;
    return options;
  }

  explicit Harness(ClientLinkOptions options = known()) : link(link_id, std::move(options)) {}

  template <class Message>
  void receive(const Message& message, LinkId id = link_id) {
    effects.clear();
    frame.clear();
    Writer writer{frame};
    encode(writer, id, message);
    link.on_frame(frame, now, effects);
  }

  void receive_bytes(std::initializer_list<int> values) {
    effects.clear();
    frame.clear();
    for (const int value : values) frame.push_back(static_cast<std::byte>(value));
    link.on_frame(frame, now, effects);
  }

  Welcome welcome() const {
    Welcome message;
    message.epoch = 5;
    message.fingerprint = 9;
    message.machine_id = "m";
    message.clocks = source;
    message.digest = digest_of(source);
    return message;
  }

  void open() {
    link.start({}, now, effects);
    receive(welcome());
    ASSERT_EQ(link.state(), State::open);
  }

  // The source moves; returns what a server would send for it.
  Diff change(std::size_t state) {
    source.ticks[state] += 1;
    source.queue_tick += 1;
    return {{{static_cast<StateIndex>(state), 1}}, 1, 0};
  }
  void push(const Diff& diff) { receive(Push{++sequence, &diff, short_digest(digest_of(source))}); }
  void reply(RequestId request, const Diff& diff, Result result = Result::executed) {
    receive(Reply{request, ++sequence, result, "", &diff, short_digest(digest_of(source))});
  }
  void snapshot(RequestId answered_below = 0) {
    receive(Snapshot{++sequence, answered_below, source, digest_of(source)});
  }
  // Two pushes of which the link gets the second only.
  void lose_a_push() {
    change(0);
    ++sequence;
    push(change(1));
  }

  RequestId call(ClientLink::TimePoint deadline = never) {
    effects.clear();
    return link.mutate(Op::add, first_state, {}, deadline, effects);
  }

  void poll() {
    effects.clear();
    link.poll(now, effects);
  }

  template <class Message>
  Message sent(std::size_t index = 0) {
    if (index >= effects.frames.size()) {
      ADD_FAILURE() << "nothing was sent";
      return {};
    }
    const Decoded decoded = decode(effects.frames[index], Sender::client, {}, scratch);
    EXPECT_EQ(decoded.link, link_id);
    if (const auto* message = std::get_if<Message>(&decoded.message)) return *message;
    ADD_FAILURE() << "a frame of type " << int{decoded.type};
    return {};
  }

  template <class Event>
  Event event(std::size_t index = 0) {
    if (index >= effects.events.size()) {
      ADD_FAILURE() << "no event " << index;
      return {};
    }
    if (const auto* found = std::get_if<Event>(&effects.events[index])) return *found;
    ADD_FAILURE() << "event " << index << " is of kind " << effects.events[index].index();
    return {};
  }
  CloseReason closed() { return event<LinkClosed>().reason; }
};

// -- handshake -----------------------------------------------------------------------------------

TEST(ClientLink, StartingSendsAHello) {
  ClientLinkOptions options = Harness::known();
  options.client_id = "c";
  options.machine_id = "m";
  options.session = 8;
  Harness h{options};
  h.link.start({}, h.now, h.effects);
  const auto hello = h.sent<Hello>();
  EXPECT_EQ(hello.client_id, "c");
  EXPECT_EQ(hello.machine_id, "m");
  EXPECT_EQ(hello.session, 8U);
  EXPECT_EQ(hello.fingerprint, 9U);
  EXPECT_EQ(h.link.state(), State::greeting);
}

TEST(ClientLink, TheWelcomeOpensItWithTheKnownSchema) {
  Harness h;
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
  Harness h{ClientLinkOptions{}};
  h.link.start({}, h.now, h.effects);
  Welcome welcome = h.welcome();
  welcome.schema = bytes;
  h.receive(welcome);
  EXPECT_EQ(h.event<LinkOpened>().schema, schema);
}

TEST(ClientLink, AWelcomeThatContradictsItselfEndsTheLink) {
  const auto end_of = [](auto edit) {
    Harness h;
    h.link.start({}, h.now, h.effects);
    Welcome welcome = h.welcome();
    edit(h, welcome);
    h.receive(welcome);
    EXPECT_EQ(h.effects.frames.size(), 1U);  // a bye
    return h.closed();
  };
  const Bytes garbage(5);
  const Clocks other{{1, 2}, 1, 0};
  EXPECT_EQ(end_of([](Harness&, Welcome& w) { w.digest += 1; }), CloseReason::malformed);
  EXPECT_EQ(end_of([](Harness&, Welcome& w) { w.fingerprint = 10; }), CloseReason::schema);
  EXPECT_EQ(end_of([](Harness&, Welcome& w) { w.features = 1; }), CloseReason::protocol);
  EXPECT_EQ(end_of([&](Harness&, Welcome& w) { w.schema = garbage; }), CloseReason::schema);
  EXPECT_EQ(end_of([&](Harness&, Welcome& w) {
              w.clocks = other;
              w.digest = digest_of(other);
            }),
            CloseReason::schema);
}

TEST(ClientLink, ARefusalEndsItWithCodeAndText) {
  Harness h;
  h.link.start({}, h.now, h.effects);
  h.receive(Refused{RefuseCode::busy, 700, "full"});
  const auto closed = h.event<LinkClosed>();
  EXPECT_EQ(closed.reason, CloseReason::refused);
  EXPECT_EQ(closed.refused, RefuseCode::busy);
  EXPECT_EQ(closed.retry_after_ms, 700U);
  EXPECT_EQ(closed.text, "refused (busy): full");
}

TEST(ClientLink, ASilentServerEndsItAtTheHandshakeDeadline) {
  Harness h;
  h.link.start({}, h.now, h.effects);
  EXPECT_EQ(h.link.next_deadline(), h.now + 5s);
  h.now += 5s;
  h.poll();
  EXPECT_EQ(h.closed(), CloseReason::handshake_timeout);
}

TEST(ClientLink, ClocksBeforeTheWelcomeEndIt) {
  Harness h;
  h.link.start({}, h.now, h.effects);
  h.push(h.change(0));
  EXPECT_EQ(h.closed(), CloseReason::protocol);
}

TEST(ClientLink, AnIdAboveItsLimitIsFoundBeforeAnythingIsSent) {
  ClientLinkOptions options;
  options.client_id = std::string(256, 'x');
  Harness h{options};
  h.link.start({}, h.now, h.effects);
  EXPECT_EQ(h.closed(), CloseReason::local);
  EXPECT_TRUE(h.effects.frames.empty());
}

// -- calls ---------------------------------------------------------------------------------------

TEST(ClientLink, AReplyMovesTheClocksAndThenAnswersTheCall) {
  Harness h;
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
  Harness h;
  h.open();
  h.reply(h.call(), {}, {Result::canceled, Reason::handler});
  ASSERT_EQ(h.effects.events.size(), 1U);
  EXPECT_EQ(h.event<Replied>().result, (Result{Result::canceled, Reason::handler}));
}

TEST(ClientLink, TheLowestUnansweredRequestIsSentWithEachCall) {
  Harness h;
  h.open();
  const RequestId first = h.call();
  const RequestId second = h.call();
  EXPECT_EQ(h.sent<Mutate>().lowest_unanswered, first);
  h.reply(first, {});
  h.call();
  EXPECT_EQ(h.sent<Mutate>().lowest_unanswered, second);
}

TEST(ClientLink, ACallThatCannotBeSentIsAnsweredAtOnce) {
  ClientLinkOptions options = Harness::known();
  options.limits.pending_calls = 1;
  options.limits.args = 3;
  Harness h{options};
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
  Harness h;
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
  Harness h;
  h.open();
  const auto result_of = [&](ErrorCode code) {
    h.receive(Problem{h.call(), code, "why"});
    EXPECT_EQ(h.event<Replied>().error, "why");
    return h.event<Replied>().result;
  };
  EXPECT_EQ(result_of(ErrorCode::unknown_state), (Result{Result::not_sent, Reason::denied}));
  EXPECT_EQ(result_of(ErrorCode::queue_full), (Result{Result::not_sent, Reason::queue_full}));
  EXPECT_EQ(result_of(ErrorCode::not_open), (Result{Result::not_sent, Reason::link}));
  EXPECT_EQ(result_of(ErrorCode::duplicate), (Result{Result::unknown, Reason::link}));
  EXPECT_EQ(result_of(ErrorCode{200}), (Result{Result::unknown, Reason::denied}));
}

TEST(ClientLink, EveryCallIsAnsweredBeforeTheLinkEnds) {
  Harness h;
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
  Harness closing;
  closing.open();
  closing.effects.clear();
  closing.link.close(ByeCode::closing, closing.effects);
  EXPECT_EQ(closing.sent<Bye>().code, ByeCode::closing);
  EXPECT_EQ(closing.closed(), CloseReason::local);
  Harness abandoned;
  abandoned.open();
  abandoned.effects.clear();
  abandoned.link.abandon("the connection was lost", abandoned.effects);
  EXPECT_TRUE(abandoned.effects.frames.empty());
  EXPECT_EQ(abandoned.event<LinkClosed>().text, "the connection was lost");
}

// -- resync --------------------------------------------------------------------------------------

TEST(Resync, AGapAsksForASnapshot) {
  Harness h;
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
  Harness h;
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
    Harness h;
    h.open();
    h.push(diff);
    h.sent<Sync>();
  }
}

TEST(Resync, AResultWaitsForTheSnapshotThatShowsIt) {
  Harness h;
  h.open();
  const RequestId request = h.call();
  h.lose_a_push();
  h.reply(request, h.change(0));
  EXPECT_TRUE(h.effects.events.empty());
  EXPECT_EQ(h.link.pending(), 1U);
  h.snapshot(request + 1);
  ASSERT_EQ(h.effects.events.size(), 3U);
  h.event<ClocksChanged>(0);
  h.event<Synced>(1);
  EXPECT_EQ(h.event<Replied>(2).result, Result::executed);
}

TEST(Resync, AResultThatWaitsIsStillGivenAtItsDeadlineAndAtTheEnd) {
  Harness h;
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
  Harness h;
  h.open();
  const RequestId lost = h.call();
  const RequestId running = h.call();
  h.change(0);
  ++h.sequence;  // the reply of `lost`
  h.push(h.change(1));
  h.snapshot(running);
  ASSERT_EQ(h.effects.events.size(), 3U);
  EXPECT_EQ(h.event<Replied>(2).request, lost);
  EXPECT_EQ(h.event<Replied>(2).result, (Result{Result::unknown, Reason::link}));
  EXPECT_EQ(h.link.pending(), 1U);
  EXPECT_EQ(h.link.stats().lost_replies, 1U);
}

TEST(Resync, APongFindsOutThatTheLastPushWasLost) {
  Harness h;
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
  ClientLinkOptions options = Harness::known();
  options.limits.resync_attempts = 2;
  Harness h{options};
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
  Harness h;
  h.open();
  h.receive(Snapshot{++h.sequence, 0, h.source, 1});
  h.sent<Sync>();
  EXPECT_TRUE(h.link.resyncing());
  h.snapshot();
  EXPECT_FALSE(h.link.resyncing());
}

TEST(Resync, ARepeatedMessageIsLeftAside) {
  Harness h;
  h.open();
  const Diff diff = h.change(0);
  h.push(diff);
  --h.sequence;
  h.push(diff);
  EXPECT_TRUE(h.effects.events.empty() && h.effects.frames.empty());
  EXPECT_EQ(h.link.clocks(), h.source);
}

TEST(ClientLink, ASyncWithoutChangesIsSyncedOnly) {
  Harness h;
  h.open();
  h.effects.clear();
  h.link.sync(h.effects);
  h.sent<Sync>();
  h.snapshot();
  ASSERT_EQ(h.effects.events.size(), 1U);
  h.event<Synced>();
}

TEST(ClientLink, ClocksGoBackOnlyWithTheMachineTick) {
  Harness h;
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
  Harness h;
  h.open();
  h.receive_bytes({0x14, link_id});
  EXPECT_EQ(h.closed(), CloseReason::malformed);
  EXPECT_EQ(h.sent<Bye>().code, ByeCode::malformed);
  EXPECT_EQ(h.event<LinkClosed>().text, "push.sequence: truncated");
}

TEST(ClientLink, AMessageOfAnUnknownTypeIsCountedOnly) {
  Harness h;
  h.open();
  h.receive_bytes({0x55, link_id, 1});
  EXPECT_TRUE(h.effects.events.empty() && h.effects.frames.empty());
  EXPECT_EQ(h.link.stats().unknown_messages, 1U);
}

TEST(ClientLink, APingIsAnswered) {
  Harness h;
  h.open();
  h.receive(Ping{6});
  EXPECT_EQ(h.sent<Pong>().token, 6U);
}

}  // namespace
}  // namespace am::rpc::internal
