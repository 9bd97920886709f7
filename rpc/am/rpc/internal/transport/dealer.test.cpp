#include <am/rpc/internal/transport/dealer.hpp>

#include <am/rpc/internal/transport/transport_test.hpp>

#include <gtest/gtest.h>

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
