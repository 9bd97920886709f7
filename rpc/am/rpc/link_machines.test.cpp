// The machines that show what a client and a server do.
#include <am/machine.hpp>
#include <am/rpc/client.hpp>
#include <am/rpc/server.hpp>
#include <am/rpc/wire_test.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>

namespace {

using namespace std::chrono_literals;
using am::Ended;

/// Far longer than anything here takes; a test that needs it has failed.
constexpr auto patience = 30s;

am::Schema door() { return {{"Closed", {.remove = {"Open"}}}, {"Open", {.remove = {"Closed"}}}}; }

struct LinkMachines : testing::Test {
  am::Machine source{door(), {.id = "door"}};
  am::rpc::Server server{source};
  am::rpc::testing::Wire wire{server.endpoint()};
};

TEST_F(LinkMachines, ShowAConnectionFromItsBeginningToItsEnd) {
  am::rpc::Client client{{.endpoint = wire.endpoint(), .retry_delay = 5ms}};
  auto& states = client.machine();
  EXPECT_EQ(states.when({"Start", "Connected"}).wait_for(patience), Ended::fired);
  EXPECT_EQ(server.machine().when({"Start", "Ready"}).wait_for(patience), Ended::fired);
  EXPECT_FALSE(states.is("Ready")) << "there is no link yet";
  auto remote = client.attach();
  ASSERT_TRUE(remote);
  EXPECT_EQ(states.when("Ready").wait_for(patience), Ended::fired);
  EXPECT_EQ(server.machine().when("HasClients").wait_for(patience), Ended::fired);

  const auto lost = states.when({"RetryingConn", "ErrNetwork"});
  wire.cut();
  EXPECT_EQ(lost.wait_for(patience), Ended::fired);
  EXPECT_FALSE(states.is("Ready"));
  EXPECT_EQ(server.machine().when_not("HasClients").wait_for(patience), Ended::fired);
  wire.mend();
  EXPECT_EQ(states.when("Ready").wait_for(patience), Ended::fired);
  EXPECT_TRUE(states.is_not({"RetryingConn", "Exception", "ErrNetwork", "Disconnected"}));

  EXPECT_TRUE(client.stop());
  EXPECT_EQ(states.when_not("Start").wait_for(patience), Ended::fired);
  EXPECT_EQ(states.when("Disconnected").wait_for(patience), Ended::fired);
  EXPECT_FALSE(states.is("Ready"));
}

TEST_F(LinkMachines, MayHaveHandlersThatUseTheClient) {
  am::rpc::Client client{{.endpoint = server.endpoint()}};
  std::atomic<bool> connected{false};
  auto remote = client.attach();
  ASSERT_TRUE(remote);
  client.machine().on("ConnRetryFailedState", [&](am::Event&) { connected = remote->connected(); });
  const auto failed = client.machine().when("ConnRetryFailed");
  server.stop();
  EXPECT_EQ(failed.wait_for(patience), Ended::fired);
  EXPECT_FALSE(connected);
  EXPECT_EQ(server.machine().when_not("Start").wait_for(patience), Ended::fired);
}

TEST_F(LinkMachines, CountTheLinksThatOpen) {
  am::rpc::Client client{{.endpoint = server.endpoint()}};
  const auto three = server.machine().when_ticks("ClientConnected", 5);
  auto a = client.attach();
  auto b = client.attach();
  EXPECT_FALSE(three.done());
  auto c = client.attach();
  ASSERT_TRUE(a && b && c);
  EXPECT_EQ(three.wait_for(patience), Ended::fired);
}

}  // namespace
