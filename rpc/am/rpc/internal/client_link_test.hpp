// A client link and a server played by hand, for tests.
#pragma once

#include <am/rpc/internal/client_link.hpp>
#include <am/rpc/internal/schema_codec.hpp>

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <initializer_list>
#include <limits>
#include <string>

namespace am::rpc::internal {

using namespace std::chrono_literals;

inline constexpr LinkId link_id = 4;
inline constexpr auto never = ClientLink::TimePoint::max();
inline constexpr std::array<StateIndex, 1> first_state{0};

// A client link and a server played by hand.
struct ClientHarness {
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

  explicit ClientHarness(ClientLinkOptions options = known()) : link(link_id, std::move(options)) {}

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
    ASSERT_EQ(link.state(), ClientLink::State::open);
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
  void snapshot(RequestId last_request = 0, std::vector<RequestId> running = {}) {
    receive(Snapshot{++sequence, last_request, running, source, digest_of(source)});
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

}  // namespace am::rpc::internal
