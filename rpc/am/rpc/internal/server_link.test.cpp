#include <am/rpc/internal/server_link.hpp>

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <initializer_list>
#include <string>

namespace am::rpc::internal {
namespace {

using namespace std::chrono_literals;
using State = ServerLink::State;

constexpr LinkId link_id = 4;
const std::array<StateIndex, 1> first_state{0};

// A server link with a hand on each side: the client's frames and the source's clocks.
struct Harness {
  ServerLink::TimePoint now{1h};
  ServerLinkOptions options;
  Clocks source{{0, 0, 0, 0}, 1, 0};
  ServerEffects effects;
  DecodeScratch scratch;
  Bytes frame;  // events point into it
  ServerLink link;

  explicit Harness(ServerLinkOptions o = {}) : options(o), link(link_id, o, now) {}

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

  void open(std::uint64_t fingerprint = 0) {
    Hello hello;
    hello.fingerprint = fingerprint;
    receive(hello);
    effects.clear();
    link.accept({.machine_id = "m",
                 .epoch = 5,
                 .fingerprint = 9,
                 .schema = as_bytes("schema"),
                 .clocks = source},
                now, effects);
  }

  void mutate(RequestId request, std::span<const StateIndex> called = first_state) {
    receive(Mutate{request, Op::add, request, called, {}});
  }

  // The source moves and the link is told.
  void change(std::size_t state) {
    source.ticks[state] += 1;
    source.queue_tick += 1;
    link.on_source_changed(SourceChange::ticks, now);
  }
  void change_queue() {
    source.queue_tick += 1;
    link.on_source_changed(SourceChange::queue_only, now);
  }

  // Polls and returns how many frames that sent.
  std::size_t poll(Candidates candidates = std::nullopt) {
    effects.clear();
    link.poll(now, source, candidates, effects);
    return effects.frames.size();
  }

  void result(RequestId request, Result result_ = Result::executed) {
    effects.clear();
    link.on_result(request, result_, "", source, std::nullopt, now, effects);
  }

  // The frame at `index` of the last call, which must be of this kind.
  template <class Message>
  Message sent(std::size_t index = 0) {
    if (index >= effects.frames.size()) {
      ADD_FAILURE() << "nothing was sent";
      return {};
    }
    const Decoded decoded = decode(effects.frames[index], Sender::server, {}, scratch);
    EXPECT_EQ(decoded.link, link_id);
    if (const auto* message = std::get_if<Message>(&decoded.message)) return *message;
    ADD_FAILURE() << "a frame of type " << int{decoded.type};
    return {};
  }

  template <class Event>
  const Event* event() const {
    if (effects.events.size() != 1) return nullptr;
    return std::get_if<Event>(&effects.events.front());
  }

  CloseReason closed() const {
    const auto* end = event<LinkClosed>();
    if (end != nullptr) {
      EXPECT_NE(end->text, "");
    }
    return end == nullptr ? CloseReason::none : end->reason;
  }
};

ServerLinkOptions interval(std::chrono::nanoseconds value) {
  ServerLinkOptions options;
  options.push_interval = value;
  return options;
}

// -- handshake -----------------------------------------------------------------------------------

TEST(ServerLink, AHelloIsPassedOn) {
  Harness h;
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
  Harness h;
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
  Harness h;
  h.open(9);
  EXPECT_TRUE(h.sent<Welcome>().schema.empty());
}

TEST(ServerLink, ARefusalTellsWhy) {
  Harness h;
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
  Harness h{options};
  h.receive(Hello{});
  h.effects.clear();
  h.link.accept({.schema = Bytes(100)}, h.now, h.effects);
  EXPECT_EQ(h.closed(), CloseReason::refused);
}

TEST(ServerLink, ALinkWithoutAHelloEnds) {
  Harness h;
  EXPECT_EQ(h.link.next_deadline(), h.now + 5s);
  h.now += 5s - 1ns;
  EXPECT_EQ(h.poll(), 0U);
  h.now += 1ns;
  h.poll();
  EXPECT_EQ(h.sent<Bye>().code, ByeCode::timeout);
  EXPECT_EQ(h.closed(), CloseReason::handshake_timeout);
}

TEST(ServerLink, AnotherVersionIsRefused) {
  Harness h;
  Hello hello;
  hello.version_low = hello.version_high = 2;
  h.receive(hello);
  EXPECT_EQ(h.sent<Refused>().code, RefuseCode::version);
  EXPECT_EQ(h.closed(), CloseReason::version);
}

TEST(ServerLink, MutationsBeforeTheHandshakeAreRefused) {
  Harness h;
  h.mutate(1);
  EXPECT_EQ(h.sent<Problem>().code, ErrorCode::not_open);
  EXPECT_EQ(h.sent<Problem>().request, 1U);
  EXPECT_TRUE(h.effects.events.empty());
  EXPECT_EQ(h.link.state(), State::waiting);
  EXPECT_EQ(h.link.stats().refused, 1U);
}

TEST(ServerLink, ASecondHelloEndsTheLink) {
  Harness h;
  h.open();
  h.receive(Hello{});
  EXPECT_EQ(h.sent<Bye>().code, ByeCode::protocol);
  EXPECT_EQ(h.closed(), CloseReason::protocol);
}

// -- requests ------------------------------------------------------------------------------------

TEST(ServerLink, AMutationIsPassedOnAndItsReplyCarriesTheClocks) {
  Harness h;
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
  Harness h;
  h.open();
  const std::array<StateIndex, 2> called{3, 4};
  h.mutate(1, called);
  EXPECT_EQ(h.sent<Problem>().code, ErrorCode::unknown_state);
  EXPECT_EQ(h.sent<Problem>().text, "no state at index 4: the machine has 4");
  EXPECT_TRUE(h.effects.events.empty());
  EXPECT_EQ(h.link.state(), State::open);
  EXPECT_EQ(h.link.stats().refused, 1U);
}

TEST(ServerLink, ARequestThatComesAgainIsNotExecutedAgain) {
  Harness h;
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
  Harness h{options};
  h.open();
  h.mutate(1);
  h.mutate(2);
  EXPECT_NE(h.event<MutationReceived>(), nullptr);
  h.mutate(3);
  EXPECT_EQ(h.sent<Problem>().code, ErrorCode::queue_full);
  h.result(1);
  h.mutate(4);
  EXPECT_NE(h.event<MutationReceived>(), nullptr);
}

TEST(ServerLink, AResultIsSentOnce) {
  Harness h;
  h.open();
  h.mutate(1);
  h.result(1);
  EXPECT_EQ(h.effects.frames.size(), 1U);
  h.result(1);
  EXPECT_TRUE(h.effects.frames.empty());
}

TEST(ServerLink, TheLowestUnansweredRequestIsRemembered) {
  Harness h;
  h.open();
  h.receive(Mutate{5, Op::add, 3, first_state, {}});
  h.receive(Mutate{6, Op::add, 2, first_state, {}});
  EXPECT_EQ(h.link.lowest_unanswered(), 3U);
}

// -- debounce ------------------------------------------------------------------------------------

TEST(Debounce, TheFirstChangeAfterAQuietTimeIsSentAtOnce) {
  Harness h{interval(10ms)};
  h.open();
  h.now += 10ms;
  h.change(1);
  EXPECT_TRUE(h.link.due(h.now));
  EXPECT_EQ(h.poll(), 1U);
  EXPECT_EQ(h.sent<Push>().sequence, 1U);
  EXPECT_EQ(h.scratch.diff, (Diff{{{1, 1}}, 1, 0}));
}

TEST(Debounce, ChangesWithinTheIntervalAreSentTogetherAtItsEnd) {
  Harness h{interval(10ms)};
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
  Harness h{interval(10ms)};
  h.open();
  h.now += 50ms;
  h.mutate(1);
  h.result(1);
  h.change(1);
  EXPECT_EQ(h.poll(), 0U);
  EXPECT_EQ(h.link.next_deadline(), h.now + 10ms);
}

TEST(Debounce, AChangeOfTheQueueAloneWaitsForTheTrailingEdge) {
  Harness h{interval(10ms)};
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
  Harness h{interval(0ns)};
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
  Harness h{options};
  h.open();
  h.change(1);
  h.now += 1h;
  EXPECT_EQ(h.poll(), 0U);
  EXPECT_EQ(h.link.next_deadline(), ServerLink::TimePoint::max());
  h.link.set_push(PushMode::debounced, 1ms);
  EXPECT_EQ(h.poll(), 1U);
}

TEST(Debounce, ARunningMutationHoldsPushesAndItsReplyClearsTheDirt) {
  Harness h{interval(0ns)};
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
  Harness h{interval(10ms)};
  h.open();
  h.now += 10ms;
  const std::array<StateIndex, 1> unknown{99};
  h.mutate(1, unknown);
  h.change(1);
  EXPECT_EQ(h.poll(), 1U);
}

TEST(Debounce, AChangeThatWasSentAlreadyIsNotSentAgain) {
  Harness h{interval(10ms)};
  h.open();
  h.link.on_source_changed(SourceChange::ticks, h.now);
  h.now += 10ms;
  EXPECT_EQ(h.poll(), 0U);
  h.change(1);
  EXPECT_EQ(h.poll(), 1U) << "an empty push is not a send";
}

TEST(Debounce, AnEndlessIntervalDoesNotOverflow) {
  Harness h{interval(std::chrono::nanoseconds::max())};
  h.open();
  h.change(1);
  EXPECT_EQ(h.link.next_deadline(), ServerLink::TimePoint::max());
}

// -- sequence and snapshots ----------------------------------------------------------------------

TEST(ServerLink, RepliesPushesAndSnapshotsShareOneSequence) {
  Harness h{interval(0ns)};
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

TEST(ServerLink, ASnapshotTellsWhichRequestsHaveTheirAnswers) {
  Harness h;
  h.open();
  const auto answered_below = [&] {
    h.effects.clear();
    h.link.send_snapshot(h.source, h.now, h.effects);
    return h.sent<Snapshot>().answered_below;
  };
  EXPECT_EQ(answered_below(), 1U);
  h.mutate(3);
  h.mutate(8);
  EXPECT_EQ(answered_below(), 3U);
  h.result(3);
  EXPECT_EQ(answered_below(), 8U);
  h.result(8);
  EXPECT_EQ(answered_below(), 9U);
}

TEST(ServerLink, ManySyncsAreAnsweredOnce) {
  Harness h;
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
  Harness h{interval(0ns)};
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
  Harness h{interval(0ns)};
  h.open();
  h.change(0);
  h.source.ticks.push_back(0);
  h.poll();
  EXPECT_EQ(h.sent<Bye>().code, ByeCode::schema_changed);
  EXPECT_EQ(h.closed(), CloseReason::schema);
}

TEST(ServerLink, APongCarriesTheSequence) {
  Harness h{interval(0ns)};
  h.open();
  h.change(0);
  h.poll();
  h.receive(Ping{77});
  EXPECT_EQ(h.sent<Pong>().token, 77U);
  EXPECT_EQ(h.sent<Pong>().sequence, 1U);
}

// -- bad frames ----------------------------------------------------------------------------------

TEST(ServerLink, AFrameThatCannotBeReadEndsTheLink) {
  Harness h;
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
  Harness h;
  h.receive_bytes({});
  EXPECT_EQ(h.closed(), CloseReason::malformed);
}

TEST(ServerLink, AnOversizedFrameEndsTheLink) {
  ServerLinkOptions options;
  options.limits.args = 10;
  Harness h{options};
  h.open();
  h.receive(Mutate{1, Op::add, 1, first_state, Bytes(11)});
  EXPECT_EQ(h.closed(), CloseReason::oversized);
}

TEST(ServerLink, AMessageOfAnUnknownTypeIsAnsweredAndTheLinkGoesOn) {
  Harness h;
  h.open();
  h.receive_bytes({0x55, link_id, 1, 2, 3});
  EXPECT_EQ(h.sent<Problem>().code, ErrorCode::unknown_message);
  EXPECT_EQ(h.sent<Problem>().request, 0U);
  EXPECT_EQ(h.link.state(), State::open);
  EXPECT_EQ(h.link.stats().unknown_messages, 1U);
}

TEST(ServerLink, AFrameOfAnotherLinkEndsTheLink) {
  Harness h;
  h.open();
  h.receive(Sync{}, link_id + 1);
  EXPECT_EQ(h.closed(), CloseReason::protocol);
}

TEST(ServerLink, AByeEndsTheLinkWithoutAnAnswer) {
  Harness h;
  h.open();
  h.receive(Bye{ByeCode::restarting, 100});
  EXPECT_EQ(h.closed(), CloseReason::bye);
  EXPECT_EQ(h.event<LinkClosed>()->bye, ByeCode::restarting);
  EXPECT_TRUE(h.effects.frames.empty());
}

TEST(ServerLink, ClosingSaysByeOnce) {
  Harness h;
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
