// A client: how long it waits, what its threads may do, what it refuses.
#include <am/rpc/client.hpp>

#include <am/error.hpp>
#include <am/machine.hpp>
#include <am/rpc/door_test.hpp>
#include <am/rpc/server.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using am::Result;
using am::rpc::LinkErrc;
using am::rpc::testing::door;
using am::rpc::testing::fresh_inproc;
using am::rpc::testing::patience;

TEST(Client, says_when_nobody_answers) {
  am::rpc::Client client{{.endpoint = "tcp://127.0.0.1:1"}};
  const auto remote = client.attach({.timeout = 50ms});
  ASSERT_FALSE(remote);
  EXPECT_EQ(remote.error().code, LinkErrc::unreachable);
  EXPECT_NE(remote.error().message.find("tcp://127.0.0.1:1"), std::string::npos);
}

TEST(Client, waits_for_a_server_that_comes_later) {
  const auto endpoint = fresh_inproc();
  am::rpc::Client client{{.endpoint = endpoint}};
  am::Machine source{door()};
  std::optional<am::rpc::Server> server;
  std::jthread later([&] { server.emplace(source, am::rpc::ServerOptions{.endpoint = endpoint}); });
  const auto remote = client.attach({.timeout = patience});
  EXPECT_TRUE(remote.has_value());
}

TEST(Client, gives_up_on_a_call_at_its_deadline_and_goes_on) {
  am::Machine source{door()};
  std::latch release(1);
  source.on("OpenState", [&](am::Event&) { release.wait(); });
  am::rpc::Server server{source};
  am::rpc::Client client{{.endpoint = server.endpoint(), .call_timeout = 50ms}};
  auto remote = client.attach();
  ASSERT_TRUE(remote);
  EXPECT_EQ(remote->add("Open"), (Result{Result::unknown, am::Reason::timeout}));
  release.count_down();
  EXPECT_EQ(remote->when("Open").wait_for(patience), am::Ended::fired);
}

TEST(Client, tells_what_blocks_its_own_thread_instead_of_hanging) {
  am::Machine source{door()};
  am::rpc::Server server{source};
  am::rpc::Client client{{.endpoint = server.endpoint()}};
  auto remote = client.attach();
  ASSERT_TRUE(remote);
  remote->add("Closed");
  std::atomic<bool> threw{false};
  const std::stop_callback callback(remote->while_active("Closed"), [&] {
    try {
      remote->add("Knock");
    } catch (const am::Error& error) {
      threw = error.code() == am::Errc::would_deadlock;
    }
  });
  remote->add("Open");
  EXPECT_TRUE(threw);
}

TEST(Client, does_not_send_a_mutation_whose_time_is_up) {
  am::Machine source{door()};
  am::rpc::Server server{source};
  am::rpc::Client client{{.endpoint = server.endpoint()}};
  auto remote = client.attach();
  ASSERT_TRUE(remote);
  remote->add("Closed");
  // Holds up the client's I/O thread, so that nothing is sent meanwhile.
  std::latch held{1};
  std::latch go_on{1};
  const std::stop_callback callback(remote->while_active("Closed"), [&] {
    held.count_down();
    go_on.wait();
  });
  source.add("Open");
  held.wait();
  const auto late = remote->add_async("Knock", {}, {.ttl = 1ms});
  const auto patient = remote->add_async("Closed", {}, {.ttl = 1h});
  const auto expired = std::chrono::steady_clock::now() + 2ms;
  while (std::chrono::steady_clock::now() < expired) std::this_thread::yield();
  go_on.count_down();
  EXPECT_EQ(late.get(), Result(Result::not_sent, am::Reason::expired));
  EXPECT_EQ(patient.get(), Result::executed);
  EXPECT_EQ(source.tick("Knock"), am::Tick{0});
}

TEST(Client, that_was_stopped_attaches_nothing_and_says_so_at_once) {
  am::rpc::Client client{{.endpoint = "tcp://127.0.0.1:1"}};
  EXPECT_TRUE(client.stop());
  const auto remote = client.attach({.timeout = patience});
  ASSERT_FALSE(remote);
  EXPECT_EQ(remote.error().code, LinkErrc::stopped) << remote.error().message;
}

TEST(Client, tells_who_attaches_while_it_is_stopped) {
  for (int round = 0; round < 100; ++round) {
    am::rpc::Client client{{.endpoint = "tcp://127.0.0.1:1"}};
    std::atomic<int> stopped{0};
    std::latch begin{3};
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < 2; ++i) {
        threads.emplace_back([&] {
          begin.arrive_and_wait();
          const auto remote = client.attach({.timeout = patience});
          stopped += !remote && remote.error().code == LinkErrc::stopped ? 1 : 0;
        });
      }
      begin.arrive_and_wait();
      EXPECT_TRUE(client.stop(patience));
    }
    ASSERT_EQ(stopped, 2) << "round " << round;
  }
}

TEST(Client, can_be_destroyed_in_a_stop_callback) {
  am::Machine source{door()};
  am::rpc::Server server{source};
  auto client =
      std::make_unique<am::rpc::Client>(am::rpc::ClientOptions{.endpoint = server.endpoint()});
  auto remote = client->attach();
  ASSERT_TRUE(remote);
  remote->add("Closed");
  const auto never = remote->when("Locked");
  const std::stop_callback callback(remote->while_active("Closed"), [&] { client.reset(); });
  remote->add("Open");
  EXPECT_EQ(never.wait_for(patience), am::Ended::disposed);
}

TEST(Client, refuses_options_that_break_a_rule) {
  const auto refused = [](am::rpc::ClientOptions options) {
    options.endpoint = "tcp://127.0.0.1:1";
    try {
      const am::rpc::Client client(std::move(options));
    } catch (const am::Error& error) {
      return error.code() == am::Errc::invalid_argument;
    }
    return false;
  };
  EXPECT_TRUE(refused({.call_timeout = 0ms}));
  EXPECT_TRUE(refused({.retry_delay = 0ms}));
  EXPECT_TRUE(refused({.handshake_timeout = 0ms}));
  EXPECT_TRUE(refused({.heartbeat_timeout = 0ms}));
  EXPECT_FALSE(refused({.heartbeat_interval = 0ms, .heartbeat_timeout = 0ms}));
  EXPECT_TRUE(refused({.max_frame_bytes = 1}));
  EXPECT_TRUE(refused({.id = std::string(256, 'x')}));
  EXPECT_FALSE(refused({.call_timeout = std::chrono::milliseconds::max()}));
}

TEST(Client, refuses_endpoints_that_are_none) {
  EXPECT_THROW(am::rpc::Client(am::rpc::ClientOptions{.endpoint = ""}), am::Error);
}

}  // namespace
