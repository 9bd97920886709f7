// Every limit of a server, by its name.
#include <am/machine.hpp>
#include <am/rpc/client.hpp>
#include <am/rpc/internal/files_test.hpp>
#include <am/rpc/internal/messages.hpp>
#include <am/rpc/internal/transport/raw_socket_test.hpp>
#include <am/rpc/internal/transport/transport_test.hpp>
#include <am/rpc/server.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <list>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace am::rpc {
namespace {

using namespace internal;
using internal::testing::error_of;
using internal::testing::eventually;
using internal::testing::patience;
using internal::testing::PlainSocket;
using internal::testing::RunningClient;
using internal::testing::short_frame;
using internal::testing::zmtp_hello;
using internal::testing::ZmtpSocket;
using namespace std::chrono_literals;

std::string frame(LinkId link, const auto& message) {
  Bytes bytes;
  Writer writer(bytes);
  encode(writer, link, message);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// A server with limits, and a client that behaves.
struct ServerLimits : ::testing::Test {
  Machine door{{{"Open", {}}}, {.id = "door"}};
  std::optional<Server> server;
  std::optional<Client> client;
  std::optional<RemoteMachine> remote;

  void serve(ServerOptions options) {
    server.emplace(door, std::move(options));
    client.emplace(ClientOptions{.endpoint = server->endpoint()});
    auto attached = client->attach({.timeout = patience});
    ASSERT_TRUE(attached) << attached.error().message;
    remote.emplace(std::move(*attached));
  }
  void expect_served() {
    EXPECT_TRUE(remote->connected());
    EXPECT_EQ(remote->toggle("Open"), Result::executed);
  }
};

/// A machine that a local caller keeps busy until `release`, so that remote calls have to wait.
class BusyMachine {
 public:
  BusyMachine() {
    machine.on_state("Busy", [this](Event&) {
      busy_ = true;
      const std::scoped_lock wait(gate_);
    });
  }
  ~BusyMachine() { release(); }
  BusyMachine(BusyMachine&&) = delete;
  BusyMachine& operator=(BusyMachine&&) = delete;

  /// True once it is busy.
  bool keep_busy() {
    holder_ = std::thread([this] { machine.add("Busy"); });
    return eventually([this] { return busy_.load(); });
  }
  void release() {
    if (closed_.owns_lock()) closed_.unlock();
    if (holder_.joinable()) holder_.join();
  }

  Machine machine{{{"Busy", {}}, {"Open", {.multi = true}}}, {.id = "slow"}};

 private:
  std::mutex gate_;
  std::unique_lock<std::mutex> closed_{gate_};
  std::atomic<bool> busy_{false};
  std::thread holder_;
};

TEST_F(ServerLimits, MaxConnections) {
  serve({.max_connections = 2});
  const ZmtpSocket second(server->endpoint());
  ASSERT_TRUE(second.ready());
  for (int i = 0; i < 3; ++i) {
    const PlainSocket late(server->endpoint());
    while (late.open() && late.read(1)) {
    }
  }
  EXPECT_TRUE(eventually([&] { return server->stats().connections_closed >= 3; }));
  expect_served();
}

TEST_F(ServerLimits, MaxLinksPerConnection) {
  serve({.max_links_per_connection = 3});
  std::list<RemoteMachine> links;
  for (int i = 0; i < 2; ++i) {
    auto attached = client->attach({.timeout = patience});
    ASSERT_TRUE(attached);
    links.push_back(std::move(*attached));
  }
  EXPECT_FALSE(client->attach({.timeout = patience}));
  links.pop_back();
  EXPECT_TRUE(eventually([&] { return server->stats().links_open == 2; }));
  EXPECT_TRUE(client->attach({.timeout = patience}));
  expect_served();
}

TEST_F(ServerLimits, MaxLinksOfAllConnections) {
  serve({.max_links = 3});
  std::list<Client> clients;
  std::list<RemoteMachine> links;
  for (int i = 0; i < 2; ++i) {
    auto attached = clients.emplace_back(ClientOptions{.endpoint = server->endpoint()})
                        .attach({.timeout = patience});
    ASSERT_TRUE(attached);
    links.push_back(std::move(*attached));
  }
  Client late({.endpoint = server->endpoint()});
  EXPECT_FALSE(late.attach({.timeout = patience}));
  links.pop_back();
  EXPECT_TRUE(eventually([&] { return server->stats().links_open == 2; }));
  EXPECT_TRUE(late.attach({.timeout = patience}));
  expect_served();
}

TEST_F(ServerLimits, MaxPendingCallsOfALink) {
  BusyMachine slow;
  serve({.max_pending_calls = 2});
  server->expose(slow.machine);
  auto attached = client->attach({.machine = "slow", .timeout = patience});
  ASSERT_TRUE(attached);
  ASSERT_TRUE(slow.keep_busy());
  std::vector<Pending<Result>> calls;
  for (int i = 0; i < 5; ++i) calls.push_back(attached->add_async("Open"));
  for (int i = 2; i < 5; ++i) {
    const auto result = calls[static_cast<std::size_t>(i)].get();
    EXPECT_EQ(result, Result::not_sent) << i;
    EXPECT_EQ(result.reason(), Reason::queue_full) << i;
  }
  slow.release();
  EXPECT_EQ(calls[0].get(), Result::executed);
  EXPECT_EQ(calls[1].get(), Result::executed);
  expect_served();
}

TEST_F(ServerLimits, MaxFrameBytes) {
  serve({.max_frame_bytes = 2000});
  RunningClient peer(server->endpoint());
  peer.handler->post(frame(1, Hello{}));
  peer.start();
  ASSERT_TRUE(peer.handler->wait([&] { return !peer.handler->frames.empty(); }));
  peer.handler->post(std::string(2001, 'x'));
  EXPECT_TRUE(peer.handler->wait([&] { return peer.handler->disconnected >= 1; }));
  expect_served();
}

TEST_F(ServerLimits, HandshakeTimeoutOfAConnectionThatSaysNothing) {
  serve({.handshake_timeout = 50ms});
  const ZmtpSocket mute(server->endpoint());
  EXPECT_TRUE(mute.ready() && !mute.read(1));
  EXPECT_TRUE(eventually([&] { return server->stats().connections == 1; }));
  expect_served();
}

TEST_F(ServerLimits, HandshakeTimeoutOfAConnectionThatOpensNoLink) {
  serve({.handshake_timeout = 50ms});
  // Words, but no link; one that is refused; one that ends it again.
  for (const auto& words : {std::vector<std::string>{"nonsense"},
                            {frame(1, Hello{.machine_id = "none"})},
                            {frame(1, Hello{}), frame(1, Bye{})}}) {
    RunningClient peer(server->endpoint());
    for (const auto& word : words) peer.handler->post(word);
    peer.start();
    EXPECT_TRUE(peer.handler->wait([&] { return peer.handler->disconnected >= 1; }));
  }
  EXPECT_TRUE(eventually([&] { return server->stats().connections == 1; }));
  EXPECT_GE(server->stats().connections_closed, 3U);
  expect_served();
}

TEST_F(ServerLimits, AClientWithoutLinksLetsGoOfItsConnectionAndComesBack) {
  serve({.handshake_timeout = 50ms});
  Client idle({.endpoint = server->endpoint()});
  EXPECT_TRUE(eventually([&] { return server->stats().connections_closed >= 1; }));
  EXPECT_TRUE(eventually([&] { return server->stats().connections == 1; }));
  auto attached = idle.attach({.timeout = patience});
  ASSERT_TRUE(attached) << attached.error().message;
  EXPECT_EQ(attached->toggle("Open"), Result::executed);
  expect_served();
}

TEST_F(ServerLimits, AMessageWithoutEndEndsItsConnectionOnly) {
  serve({.max_frame_bytes = 2000});
  const ZmtpSocket peer(server->endpoint());
  ASSERT_TRUE(peer.ready());
  std::string parts;
  for (int i = 0; i < 100; ++i) parts += short_frame(std::string(200, 'x'), true);
  const auto limit = std::chrono::steady_clock::now() + patience;
  while (peer.write(parts)) ASSERT_LT(std::chrono::steady_clock::now(), limit);
  EXPECT_TRUE(eventually([&] { return server->stats().connections_closed == 1; }));
  expect_served();
}

TEST_F(ServerLimits, AThousandGarbageConnectionsLeaveNothingBehind) {
  serve({.max_connections = 64});
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::list<PlainSocket> held;
  for (int round = 0; round < 1000; ++round) {
    if (held.size() == 100) held.pop_front();
    const auto& peer = held.emplace_back(server->endpoint());
    ASSERT_TRUE(peer.open());
    std::string data(random() % 300, '\0');
    for (auto& byte : data) byte = static_cast<char>(random());
    if (round % 3 == 1) data = zmtp_hello().substr(0, random() % 100);
    if (round % 3 == 2) data = zmtp_hello() + data;
    peer.write(data);
    EXPECT_LE(server->stats().connections, 64U + 100U);
    if (round % 100 == 0) expect_served();
  }
  held.clear();
  EXPECT_TRUE(eventually([&] { return server->stats().connections == 1; }));
  EXPECT_EQ(server->stats().links_open, 1U);
  expect_served();
}

TEST_F(ServerLimits, MaxStatesOfAMachineThatAClientTakes) {
  serve({});
  Machine large{{{"A", {}}, {"B", {}}, {"C", {}}}, {.id = "large"}};
  server->expose(large);
  Client careful({.endpoint = server->endpoint(), .max_states = 3});
  EXPECT_TRUE(careful.attach({.machine = "door", .timeout = patience}));
  const auto refused = careful.attach({.machine = "large", .timeout = patience});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, LinkErrc::protocol) << refused.error().message;
  expect_served();
}

TEST_F(ServerLimits, MaxPendingCallsOfAClient) {
  BusyMachine slow;
  serve({});
  server->expose(slow.machine);
  Client careful({.endpoint = server->endpoint(), .max_pending_calls = 1});
  auto attached = careful.attach({.machine = "slow", .timeout = patience});
  ASSERT_TRUE(attached);
  ASSERT_TRUE(slow.keep_busy());
  const auto first = attached->add_async("Open");
  const auto second = attached->add_async("Open").get();
  EXPECT_EQ(second, Result::not_sent);
  EXPECT_EQ(second.reason(), Reason::queue_full);
  slow.release();
  EXPECT_EQ(first.get(), Result::executed);
}

TEST(ServerOptions, LimitsAreAtLeastOne) {
  Machine door{{{"Open", {}}}};
  EXPECT_NE(error_of([&] {
              Server{door, {.max_connections = 0}};
            }).find("max_connections is 0"),
            std::string::npos);
  EXPECT_NE(error_of([&] {
              Server{door, {.max_links = 0}};
            }).find("max_links is 0"),
            std::string::npos);
  EXPECT_NE(error_of([&] {
              Server{door, {.max_pending_calls = 0}};
            }).find("max_pending_calls is"),
            std::string::npos);
}

}  // namespace
}  // namespace am::rpc
