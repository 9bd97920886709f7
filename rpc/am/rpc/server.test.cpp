// A server: what it exposes, where it may be ended, what it refuses.
#include <am/rpc/server.hpp>

#include <am/error.hpp>
#include <am/machine.hpp>
#include <am/rpc/client.hpp>
#include <am/rpc/door_test.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>

namespace {

using namespace std::chrono_literals;
using am::Result;
using am::rpc::testing::door;
using am::rpc::testing::patience;

TEST(Server, exposes_each_id_once) {
  am::Machine source{door(), {.id = "door"}};
  am::rpc::Server server{source};
  EXPECT_THROW(server.expose(source), am::Error);
  am::rpc::Client client{{.endpoint = server.endpoint()}};
  auto remote = client.attach();
  ASSERT_TRUE(remote);
  EXPECT_THROW(server.expose(*remote), am::Error);
}

TEST(Server, can_be_destroyed_in_a_handler_that_it_runs) {
  am::Machine source{door()};
  auto server = std::make_unique<am::rpc::Server>(source);
  source.on("OpenState", [&](am::Event&) { server.reset(); });
  am::rpc::Client client{{.endpoint = server->endpoint()}};
  auto remote = client.attach();
  ASSERT_TRUE(remote);
  const auto never = remote->when("Locked");
  remote->add("Open");
  EXPECT_EQ(never.wait_for(patience), am::Ended::unknown);
}

TEST(Server, says_that_it_cannot_be_stopped_in_a_handler_that_it_runs) {
  am::Machine source{door()};
  am::rpc::Server server{source};
  std::atomic<bool> threw{false};
  source.on("OpenState", [&](am::Event&) {
    try {
      server.stop();
    } catch (const am::Error& error) {
      threw = error.code() == am::Errc::would_deadlock;
    }
  });
  am::rpc::Client client{{.endpoint = server.endpoint()}};
  auto remote = client.attach();
  ASSERT_TRUE(remote);
  EXPECT_EQ(remote->add("Open"), Result::executed);
  EXPECT_TRUE(threw);
  EXPECT_EQ(remote->add("Closed"), Result::executed);
}

TEST(Server, outlives_its_machine) {
  std::optional<am::Machine> source{am::Machine{door()}};
  am::rpc::Server server{*source};
  am::rpc::Client client{{.endpoint = server.endpoint()}};
  auto remote = client.attach();
  ASSERT_TRUE(remote);
  source.reset();
  // Told by the reply, before that by the link's end, or cut short by it.
  EXPECT_NE(remote->add("Open").reason(), am::Reason::none);
  EXPECT_FALSE(client.attach().has_value());
}

TEST(Server, refuses_options_that_break_a_rule) {
  am::Machine source{door()};
  const auto refused = [&](am::rpc::ServerOptions options) {
    try {
      const am::rpc::Server server(source, std::move(options));
    } catch (const am::Error& error) {
      return error.code() == am::Errc::invalid_argument;
    }
    return false;
  };
  EXPECT_TRUE(refused({.push_interval = -1ms}));
  EXPECT_TRUE(refused({.handshake_timeout = 0ms}));
  EXPECT_TRUE(refused({.session_ttl = -1ms}));
  EXPECT_TRUE(refused({.max_frame_bytes = 1}));
  EXPECT_TRUE(refused({.max_links_per_connection = 0}));
  EXPECT_FALSE(refused({.push_interval = std::chrono::milliseconds::max()}));
  const am::Machine long_id{door(), {.id = std::string(256, 'x')}};
  EXPECT_THROW(am::rpc::Server{long_id}, am::Error);
}

TEST(Server, refuses_endpoints_that_are_none) {
  am::Machine source{door()};
  EXPECT_THROW(am::rpc::Server(source, {.endpoint = "http://x"}), am::Error);
}

}  // namespace
