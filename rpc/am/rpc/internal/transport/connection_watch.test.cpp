#include <am/rpc/internal/transport/connection_watch.hpp>

#include <am/rpc/internal/transport/raw_socket_test.hpp>
#include <am/rpc/internal/transport/transport_test.hpp>

#include <gtest/gtest.h>
#include <list>

namespace am::rpc::internal {
namespace {

using namespace testing;
using namespace std::chrono_literals;

RouterOptions limited(RouterOptions options = {}) {
  options.endpoint = any_tcp;
  options.limits.max_frame_bytes = 1000;
  options.limits.receive_queue = 16;
  return options;
}

/// True when the server closes the connection.
bool is_closed(const PlainSocket& peer) { return !peer.read(1); }

void expect_served(const RunningServer& server) {
  RunningClient good(server.transport.endpoint());
  good.handler->post("hello");
  good.start();
  EXPECT_TRUE(good.handler->wait([&] { return !good.handler->frames.empty(); }));
}

/// A part of a message that has more: a flag, a length and 200 bytes.
std::string endless_parts(int count) {
  std::string parts;
  for (int i = 0; i < count; ++i) parts += short_frame(std::string(200, 'x'), true);
  return parts;
}

TEST(ConnectionWatch, ClosesConnectionsBeyondTheLimit) {
  RouterOptions options;
  options.max_connections = 3;
  RunningServer server(limited(options));
  server.start();
  std::list<ZmtpSocket> peers;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(peers.emplace_back(server.transport.endpoint()).ready());
    peers.back().write(short_frame("I stay"));
  }
  ASSERT_TRUE(server.handler->wait([&] { return server.handler->peers.size() == 3; }));
  for (int i = 0; i < 5; ++i) {
    const PlainSocket late(server.transport.endpoint());
    ASSERT_TRUE(late.open());
    while (!is_closed(late)) {
    }
  }
  EXPECT_TRUE(eventually([&] { return server.transport.counters().closed >= 5; }));
  EXPECT_TRUE(eventually([&] { return server.transport.counters().connections == 3; }));
  EXPECT_TRUE(server.handler->read([&] { return server.handler->gone.empty(); }));
  peers.pop_back();
  ASSERT_TRUE(server.handler->wait([&] { return server.handler->gone.size() == 1; }));
  expect_served(server);
}

TEST(ConnectionWatch, ClosesConnectionsThatSayNothing) {
  RouterOptions options;
  options.silence_timeout = 50ms;
  RunningServer server(limited(options));
  server.start();
  RunningClient speaker(server.transport.endpoint());
  speaker.handler->post("hello");
  speaker.start();
  ASSERT_TRUE(speaker.handler->wait([&] { return !speaker.handler->frames.empty(); }));
  const PlainSocket mute(server.transport.endpoint());
  const ZmtpSocket shy(server.transport.endpoint());  // shakes hands, and then nothing
  ASSERT_TRUE(mute.open() && shy.ready());
  EXPECT_TRUE(is_closed(shy));
  while (!is_closed(mute)) {
  }
  EXPECT_TRUE(eventually([&] { return server.transport.counters().connections == 1; }));
  EXPECT_EQ(speaker.handler->disconnected, 0) << "it has spoken once";
}

TEST(ConnectionWatch, ClosesAConnectionWhoseHandshakeTakesTooLong) {
  RouterOptions options;
  options.handshake_timeout = 50ms;
  RunningServer server(limited(options));
  server.start();
  const PlainSocket slow(server.transport.endpoint());
  slow.write(zmtp_hello().substr(0, 20));
  while (!is_closed(slow)) {
  }
  EXPECT_TRUE(eventually([&] { return server.transport.counters().connections == 0; }));
  expect_served(server);
}

// libzmq would keep all of it until the last part has come.
TEST(ConnectionWatch, ClosesAConnectionWhoseMessageDoesNotEnd) {
  for (const bool known : {false, true}) {
    RunningServer server(limited());
    server.start();
    const ZmtpSocket peer(server.transport.endpoint());
    ASSERT_TRUE(peer.ready());
    if (known) {
      peer.write(short_frame("hello"));
      ASSERT_TRUE(peer.read(2 + 5));
    }
    const auto parts = endless_parts(100);
    const auto limit = std::chrono::steady_clock::now() + patience;
    std::size_t sent = 0;
    while (peer.write(parts)) {
      sent += parts.size();
      ASSERT_LT(std::chrono::steady_clock::now(), limit) << sent << " bytes";
    }
    EXPECT_TRUE(eventually([&] { return server.transport.counters().closed == 1; }));
    EXPECT_TRUE(eventually([&] { return server.transport.counters().connections == 0; }));
    expect_served(server);
  }
}

TEST(ConnectionWatch, ClosesOneThatTricklesItsParts) {
  RunningServer server(limited());
  server.start();
  const ZmtpSocket peer(server.transport.endpoint());
  ASSERT_TRUE(peer.ready());
  // More than the longest frame and what libzmq reads at once; far less than a queue of frames.
  peer.write(endless_parts(350));
  EXPECT_TRUE(is_closed(peer));
  EXPECT_TRUE(eventually([&] { return server.transport.counters().closed == 1; }));
}

TEST(ConnectionWatch, LetsAFloodOfWholeFramesPass) {
  RunningServer server(limited());
  std::atomic<int> frames{0};
  server.handler->frame_hook = [&](PeerId, FrameView) { ++frames; };
  server.start();
  const ZmtpSocket peer(server.transport.endpoint());
  ASSERT_TRUE(peer.ready());
  std::string burst;
  for (int i = 0; i < 1000; ++i) burst += short_frame(std::string(200, 'x'));
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(peer.write(burst));
  EXPECT_TRUE(eventually([&] { return frames == 100'000; }));
  EXPECT_EQ(server.transport.counters().closed, 0U);
}

TEST(ConnectionWatch, WaitsForAHandlerThatBlocksWhileFramesArrive) {
  RunningServer server(limited());
  std::atomic<int> frames{0};
  std::atomic<bool> blocked{false};
  std::mutex gate;
  server.handler->frame_hook = [&](PeerId, FrameView) {
    if (++frames > 1) return;
    blocked = true;
    const std::scoped_lock wait(gate);
  };
  std::unique_lock closed(gate);
  server.start();
  const ZmtpSocket peer(server.transport.endpoint());
  ASSERT_TRUE(peer.ready());
  peer.write(short_frame("block"));
  ASSERT_TRUE(eventually([&] { return blocked.load(); }));
  std::string burst;
  for (int i = 0; i < 1000; ++i) burst += short_frame(std::string(200, 'x'));
  ASSERT_TRUE(peer.write(burst));
  const auto later = std::chrono::steady_clock::now() + 2 * ConnectionWatch::check_interval;
  EXPECT_TRUE(eventually([&] { return std::chrono::steady_clock::now() > later; }));
  closed.unlock();
  EXPECT_TRUE(eventually([&] { return frames == 1001; }));
  EXPECT_EQ(server.transport.counters().closed, 0U);
}

}  // namespace
}  // namespace am::rpc::internal
