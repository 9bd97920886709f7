#include <am/rpc/internal/transport/curve.hpp>

#include <am/error.hpp>
#include <am/rpc/internal/transport/raw_socket_test.hpp>
#include <am/rpc/internal/transport/transport_test.hpp>

#include <gtest/gtest.h>

namespace am::rpc::internal {
namespace {

using namespace testing;
using namespace std::chrono_literals;

RouterOptions keyed(std::string endpoint, const SecretKey& key, std::vector<PublicKey> admitted) {
  RouterOptions options;
  options.endpoint = std::move(endpoint);
  options.key = key;
  options.admitted = std::move(admitted);
  return options;
}

DealerOptions dealing(const std::string& endpoint, const SecretKey& key = {},
                      const PublicKey& server = {}) {
  DealerOptions options;
  options.endpoint = endpoint;
  options.reconnect_min = 5ms;
  options.reconnect_max = 20ms;
  options.key = key;
  options.server_key = server;
  return options;
}

/// Keys of a server and of two clients, of which it knows the first.
struct Curve : ::testing::Test {
  SecretKey server_key = SecretKey::make();
  SecretKey friend_key = SecretKey::make();
  SecretKey stranger_key = SecretKey::make();
  RunningServer server{keyed(any_tcp, server_key, {friend_key.public_key()})};

  Curve() { server.start(); }
  const std::string& endpoint() const { return server.transport.endpoint(); }

  /// True when a client gets an echo from the server.
  static bool echoes(RunningClient& client) {
    client.handler->post("hello");
    client.start();
    return client.handler->wait([&] { return !client.handler->frames.empty(); });
  }
  bool friend_gets_in() {
    RunningClient client(dealing(endpoint(), friend_key, server_key.public_key()));
    return echoes(client);
  }
  /// Has a client try until it was turned away several times; then a friend, so that nothing of the
  /// client could still be under way.
  void expect_kept_out(RunningClient& client) {
    client.handler->post("let me in");
    client.start();
    EXPECT_TRUE(client.handler->wait([&] { return client.handler->refusals.size() >= 2; }));
    EXPECT_TRUE(friend_gets_in());
    EXPECT_EQ(client.handler->connected, 0);
    EXPECT_EQ(server.handler->read([&] { return server.handler->frames.size(); }), 1U)
        << "more than the friend's";
  }
};

TEST_F(Curve, LetsInAnAdmittedKeyAndTellsWhoseItIs) {
  std::optional<PublicKey> told;
  RunningServer curious(keyed(any_tcp, server_key, {friend_key.public_key()}));
  curious.handler->frame_hook = [&](PeerId peer, FrameView frame) {
    curious.handler->change([&] { told = curious.transport.key(peer); });
    curious.transport.send(peer, frame);
  };
  curious.start();
  RunningClient client(dealing(curious.transport.endpoint(), friend_key, server_key.public_key()));
  EXPECT_TRUE(echoes(client));
  EXPECT_EQ(curious.handler->read([&] { return told; }), friend_key.public_key());
}

TEST_F(Curve, WorksOverIpc) {
  RunningServer local(keyed(fresh_ipc(), server_key, {friend_key.public_key()}));
  local.start();
  RunningClient client(dealing(local.transport.endpoint(), friend_key, server_key.public_key()));
  EXPECT_TRUE(echoes(client));
}

TEST_F(Curve, KeepsOutAnUnknownKeyAndSaysSo) {
  RunningClient client(dealing(endpoint(), stranger_key, server_key.public_key()));
  expect_kept_out(client);
  EXPECT_NE(client.handler->first_refusal().find("does not let this client's key in"),
            std::string::npos)
      << client.handler->first_refusal();
}

TEST_F(Curve, KeepsOutAClientWithoutKeys) {
  RunningClient client(dealing(endpoint()));
  expect_kept_out(client);
  EXPECT_NE(client.handler->first_refusal().find("wants keys"), std::string::npos);
}

TEST_F(Curve, KeepsOutAClientThatExpectsAnotherServer) {
  RunningClient client(dealing(endpoint(), friend_key, stranger_key.public_key()));
  expect_kept_out(client);
}

TEST_F(Curve, AClientWithKeysDoesNotTalkToAServerWithoutKeys) {
  RunningServer plain(any_tcp);
  plain.start();
  RunningClient client(dealing(plain.transport.endpoint(), friend_key, server_key.public_key()));
  client.handler->post("secret");
  client.start();
  EXPECT_TRUE(client.handler->wait([&] { return client.handler->refusals.size() >= 2; }));
  EXPECT_NE(client.handler->first_refusal().find("has no keys"), std::string::npos);
  RunningClient other(plain.transport.endpoint());
  EXPECT_TRUE(echoes(other));
  EXPECT_EQ(plain.handler->read([&] { return plain.handler->frames.size(); }), 1U);
  EXPECT_EQ(client.handler->connected, 0);
}

TEST_F(Curve, KeepsEverybodyOutWithAnEmptyList) {
  RunningServer closed(keyed(any_tcp, server_key, {}));
  closed.start();
  RunningClient client(dealing(closed.transport.endpoint(), friend_key, server_key.public_key()));
  client.start();
  EXPECT_TRUE(client.handler->wait([&] { return client.handler->refusals.size() >= 2; }));
  EXPECT_EQ(client.handler->connected, 0);
}

TEST_F(Curve, ServersOfOneProcessCheckTheirOwnLists) {
  RunningServer other(keyed(any_tcp, server_key, {stranger_key.public_key()}));
  other.start();
  RunningClient in(dealing(other.transport.endpoint(), stranger_key, server_key.public_key()));
  EXPECT_TRUE(echoes(in));
  RunningClient out(dealing(other.transport.endpoint(), friend_key, server_key.public_key()));
  out.start();
  EXPECT_TRUE(out.handler->wait([&] { return out.handler->refusals.size() >= 2; }));
  EXPECT_TRUE(friend_gets_in());
}

TEST_F(Curve, LetsInAKeyThatIsAdmittedLater) {
  RunningClient client(dealing(endpoint(), stranger_key, server_key.public_key()));
  client.start();
  ASSERT_TRUE(client.handler->wait([&] { return !client.handler->refusals.empty(); }));
  server.transport.admit({friend_key.public_key(), stranger_key.public_key()});
  client.handler->post("hello");
  EXPECT_TRUE(client.handler->wait([&] { return !client.handler->frames.empty(); }));
  EXPECT_TRUE(friend_gets_in());
}

TEST_F(Curve, PlainServersOfTheSameProcessStayOpen) {
  RunningServer plain(any_tcp);
  plain.start();
  RunningClient client(plain.transport.endpoint());
  EXPECT_TRUE(echoes(client));
}

TEST_F(Curve, ReplaysAndGarbageGetNowhere) {
  // A good greeting of the mechanism, then what is no handshake.
  std::string greeting =
      "\xff" + std::string(8, '\0') + "\x7f\x03" + std::string(1, '\0') + "CURVE";
  greeting.resize(64, '\0');
  for (int round = 0; round < 50; ++round) {
    const PlainSocket peer(endpoint());
    ASSERT_TRUE(peer.open());
    std::string command = "\x05HELLO" + std::string(194, static_cast<char>(round));
    peer.write(greeting + '\x04' + static_cast<char>(command.size()) + command +
               short_frame("let me in"));
  }
  EXPECT_TRUE(friend_gets_in());
  EXPECT_TRUE(eventually([&] { return server.transport.counters().connections == 0; }));
  EXPECT_EQ(server.handler->read([&] { return server.handler->frames.size(); }), 1U);
}

TEST(CurveOptions, RefuseInprocWhereKeysDoNothing) {
  const auto key = SecretKey::make();
  EXPECT_THROW(RouterTransport(Context{}, keyed("inproc://keyed", key, {})), Error);
  EXPECT_THROW(DealerTransport(Context{}, dealing("inproc://keyed", key, key.public_key())), Error);
}

}  // namespace
}  // namespace am::rpc::internal
