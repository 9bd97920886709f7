// A server link and clients that read nothing for a while, without a network.
#include <am/rpc/internal/client_link.hpp>
#include <am/rpc/internal/schema_codec.hpp>
#include <am/rpc/internal/server_link.hpp>

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <deque>
#include <memory>

namespace am::rpc::internal {
namespace {

using namespace std::chrono_literals;

constexpr StateIndex state = 2;

/// One link, and what is on its way on it.
struct Conversation {
  Conversation(LinkId id, Clocks& clocks, std::shared_ptr<PushWindow> window)
      : source(clocks),
        server(id, server_options(), now, std::move(window)),
        client(id, client_options()) {
    client.start({}, now, client_effects);
    take();
    deliver();  // the hello
    server.accept({.machine_id = "m", .epoch = 5, .fingerprint = 9, .clocks = source}, now,
                  server_effects);
    take();
    deliver();
    EXPECT_EQ(client.state(), ClientLink::State::open);
  }
  static ServerLinkOptions server_options() {
    ServerLinkOptions options;
    options.push_interval = 0ns;
    return options;
  }
  static ClientLinkOptions client_options() {
    ClientLinkOptions options;
    options.known_fingerprint = 9;
    options.known_states = 4;
    return options;
  }

  void take() {
    for (std::size_t i = 0; i < server_effects.frames.size(); ++i) {
      down.emplace_back(server_effects.frames[i].begin(), server_effects.frames[i].end());
    }
    for (std::size_t i = 0; i < client_effects.frames.size(); ++i) {
      up.emplace_back(client_effects.frames[i].begin(), client_effects.frames[i].end());
    }
    bool asked = false;
    for (const auto& event : server_effects.events) {
      asked |= std::holds_alternative<SyncReceived>(event);
    }
    for (const auto& event : client_effects.events) {
      if (const auto* reply = std::get_if<Replied>(&event)) last_reply = *reply;
    }
    server_effects.clear();
    client_effects.clear();
    if (!asked) return;
    server.send_snapshot(source, now, server_effects);
    take();
  }
  /// Pushes what may be pushed.
  void poll() {
    if (server.due(now)) server.poll(now, source, std::nullopt, server_effects);
    take();
  }
  void change() {
    source.ticks[state] += 1;
    source.queue_tick += 1;
    server.on_source_changed(SourceChange::ticks, now);
    poll();
  }
  /// Delivers until nothing is on its way any more.
  void deliver() {
    while (!up.empty() || !down.empty()) {
      if (!up.empty()) {
        const auto frame = std::move(up.front());
        up.pop_front();
        server.on_frame(frame, now, server_effects);
        take();
        if (server.state() == ServerLink::State::open) poll();
      } else {
        const auto frame = std::move(down.front());
        down.pop_front();
        client.on_frame(frame, now, client_effects);
        take();
      }
    }
  }
  void expect_up_to_date() {
    EXPECT_EQ(client.state(), ClientLink::State::open);
    EXPECT_EQ(client.clocks(), source);
    EXPECT_EQ(client.sequence(), server.sequence());
  }

  Clocks& source;
  ServerLink::TimePoint now{1h};
  ServerEffects server_effects;
  ClientEffects client_effects;
  std::deque<Bytes> up, down;
  ServerLink server;
  ClientLink client;
  Replied last_reply{};
};

struct SlowClient : ::testing::Test {
  Clocks source{{0, 0, 0, 0}, 1, 0};
  std::shared_ptr<PushWindow> window = std::make_shared<PushWindow>();
  Conversation link{1, source, window};
};

TEST_F(SlowClient, GetsTheNewestClocksAfterThousandsOfChanges) {
  for (int i = 0; i < 5'000; ++i) link.change();
  // No more than the window, and the question how far it is.
  EXPECT_EQ(link.down.size(), PushWindow::default_size + 1);
  link.deliver();
  link.expect_up_to_date();
  // What was held back came as one push.
  EXPECT_EQ(link.server.stats().pushes, PushWindow::default_size + 1);
  EXPECT_EQ(link.client.stats().resyncs, 0U);
}

TEST_F(SlowClient, IsToldOfEachChangeAgainOnceItReads) {
  for (int i = 0; i < 5'000; ++i) link.change();
  link.deliver();
  const auto before = link.server.stats().pushes;
  for (int i = 0; i < 5'000; ++i) {
    link.change();
    link.deliver();
  }
  EXPECT_EQ(link.server.stats().pushes, before + 5'000);
}

TEST_F(SlowClient, IsAskedOnceInAWhile) {
  for (std::uint64_t i = 0; i < 10 * PushWindow::default_size; ++i) {
    link.change();
    link.deliver();
  }
  // Two questions for each window.
  EXPECT_EQ(link.server.stats().frames_out, 1 + link.server.stats().pushes + 20);
}

TEST_F(SlowClient, ThatMutatesIsNeverAsked) {
  for (int i = 0; i < 5'000; ++i) {
    const auto request = link.client.mutate(Op::toggle, std::array{state}, {},
                                            ClientLink::TimePoint::max(), link.client_effects);
    link.take();
    link.deliver();
    source.ticks[state] += 1;
    link.server.on_result(request, Result::executed, "", source, std::nullopt, link.now,
                          link.server_effects);
    link.take();
    link.deliver();
  }
  EXPECT_EQ(link.server.stats().frames_out, 1U + 5'000U);
}

TEST_F(SlowClient, GetsRepliesWhilePushesWait) {
  for (int i = 0; i < 1'000; ++i) link.change();
  const auto request = link.client.mutate(Op::add, std::array{state}, {},
                                          ClientLink::TimePoint::max(), link.client_effects);
  link.take();
  const auto asked = std::move(link.up.front());
  link.up.clear();
  link.server.on_frame(asked, link.now, link.server_effects);
  link.server.on_result(request, Result::executed, "", source, std::nullopt, link.now,
                        link.server_effects);
  link.take();
  EXPECT_EQ(link.down.size(), PushWindow::default_size + 2);
  link.deliver();
  EXPECT_EQ(link.last_reply.request, request);
  EXPECT_EQ(link.last_reply.result, Result::executed);
  link.expect_up_to_date();
}

TEST_F(SlowClient, SharesTheWindowOfItsConnectionWithItsOtherLinks) {
  Conversation other(2, source, window);
  for (int i = 0; i < 2'000; ++i) {
    link.change();
    other.server.on_source_changed(SourceChange::ticks, other.now);
    other.poll();
  }
  EXPECT_EQ(link.down.size() + other.down.size(), PushWindow::default_size + 1);
  link.deliver();
  other.poll();
  other.deliver();
  link.deliver();
  link.poll();
  link.deliver();
  link.expect_up_to_date();
  other.expect_up_to_date();
}

TEST_F(SlowClient, IsAskedAgainWhenTheQuestionWasLost) {
  for (int i = 0; i < 2'000; ++i) link.change();
  link.down.clear();
  link.poll();
  EXPECT_TRUE(link.down.empty());
  link.now = link.server.next_deadline();
  link.poll();
  EXPECT_EQ(link.down.size(), 1U);
  link.deliver();
  link.expect_up_to_date();
  EXPECT_EQ(link.client.stats().resyncs, 1U);
}

}  // namespace
}  // namespace am::rpc::internal
