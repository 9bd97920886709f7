// A server link with a hand on each side, for tests.
#pragma once

#include <am/rpc/internal/server_link.hpp>

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <initializer_list>
#include <string>

namespace am::rpc::internal {

using namespace std::chrono_literals;

inline constexpr LinkId link_id = 4;
inline constexpr std::array<StateIndex, 1> first_state{0};

// A server link with a hand on each side: the client's frames and the source's clocks.
struct ServerHarness {
  ServerLink::TimePoint now{1h};
  ServerLinkOptions options;
  Clocks source{{0, 0, 0, 0}, 1, 0};
  ServerEffects effects;
  DecodeScratch scratch;
  Bytes frame;  // events point into it
  ServerLink link;

  explicit ServerHarness(ServerLinkOptions o = {}) : options(o), link(link_id, o, now) {}

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

inline ServerLinkOptions interval(std::chrono::nanoseconds value) {
  ServerLinkOptions options;
  options.push_interval = value;
  return options;
}

}  // namespace am::rpc::internal
