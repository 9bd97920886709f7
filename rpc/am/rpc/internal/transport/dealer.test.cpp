#include <am/rpc/internal/transport/dealer.hpp>

#include <am/rpc/internal/transport/transport_test.hpp>
#include <am/rpc/loopback_test.hpp>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <random>

namespace am::rpc::internal {
namespace {

using namespace testing;

TEST(Dealer, ConnectsToAServerThatIsBoundLater) {
  std::string endpoint;
  {
    RunningServer gone(any_tcp);
    endpoint = gone.transport.endpoint();
  }
  RunningClient client(endpoint);
  client.handler->outbox = {"early"};
  client.start();
  RunningServer server(endpoint);
  server.start();
  EXPECT_TRUE(client.handler->wait([&] { return !client.handler->frames.empty(); }));
}

TEST(Dealer, QueuesNothingToAnAbsentServer) {
  RunningClient client("tcp://127.0.0.1:1");
  SendStatus status = SendStatus::sent;
  std::atomic<bool> asked{false};
  struct Sender : Client {
    std::function<void()> hook;
    void on_wake() override { hook(); }
  };
  auto sender = std::make_shared<Sender>();
  sender->hook = [&] {
    status = client.transport.send(bytes("x"));
    asked = true;
  };
  client.transport.start(sender);
  client.transport.wake();
  ASSERT_TRUE(eventually([&] { return asked.load(); }));
  EXPECT_EQ(status, SendStatus::peer_gone);
}

TEST(Dealer, ConnectsAgainToARestartedServer) {
  auto server = std::make_unique<RunningServer>(any_tcp);
  server->start();
  const auto endpoint = server->transport.endpoint();
  RunningClient client(endpoint);
  client.start();
  client.handler->post("one");
  ASSERT_TRUE(client.handler->wait([&] { return client.handler->frames.size() == 1; }));
  server.reset();
  ASSERT_TRUE(client.handler->wait([&] { return client.handler->disconnected == 1; }));
  client.handler->post("two");
  RunningServer next(endpoint);
  next.start();
  ASSERT_TRUE(client.handler->wait([&] { return client.handler->frames.size() == 2; }));
  EXPECT_EQ(client.handler->connected, 2);
}

TEST(Dealer, IsNotHurtByAServerThatSendsGarbage) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  // As the server has that takes the port over.
  const int on = 1;
  ASSERT_EQ(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
  auto address = rpc::testing::loopback(0);
  socklen_t size = sizeof address;
  ASSERT_EQ(bind(listener, reinterpret_cast<const sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(listener, 10), 0);
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const auto endpoint = "tcp://127.0.0.1:" + std::to_string(ntohs(address.sin_port));

  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  RunningClient client(endpoint);
  client.handler->outbox = {"hello"};
  client.start();
  for (int round = 0; round < 30; ++round) {
    const int connection = accept(listener, nullptr, nullptr);
    ASSERT_GE(connection, 0);
    std::string data(random() % 300, '\0');
    for (auto& byte : data) byte = static_cast<char>(random());
    if (round % 2 == 0) data.insert(0, 1, '\xff');
    static_cast<void>(send(connection, data.data(), data.size(), MSG_NOSIGNAL));
    close(connection);
  }
  close(listener);
  RunningServer server(endpoint);
  server.start();
  EXPECT_TRUE(client.handler->wait([&] { return !client.handler->frames.empty(); }));
  EXPECT_EQ(client.handler->connected, 1);
}

TEST(Dealer, ReconnectsWhenToldTo) {
  for (const auto& endpoint : {any_tcp, std::string{"inproc://reconnect"}}) {
    RunningServer server(endpoint);
    server.start();
    RunningClient client(server.transport.endpoint());
    // Once: the second connection stays.
    client.handler->connected_hook = [&] {
      if (client.handler->connected == 1) client.transport.reconnect();
    };
    client.start();
    ASSERT_TRUE(client.handler->wait([&] { return client.handler->connected == 2; }));
    EXPECT_EQ(client.handler->disconnected, 1);
    client.handler->post("hello");
    EXPECT_TRUE(client.handler->wait([&] { return !client.handler->frames.empty(); }));
  }
}

}  // namespace
}  // namespace am::rpc::internal
