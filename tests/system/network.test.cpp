// A client and a source on two hosts, and what networks do between them.
#include "network.hpp"
#include "process.hpp"

#include <am/format.hpp>
#include <am/rpc/client.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using am::Ended;
using am::Result;
using am::rpc::LinkState;
using system_test::Network;
using system_test::patience;
using system_test::reaches;
using system_test::Source;
using system_test::Weather;

constexpr Weather cut{.loss = 1};

struct OverANetwork : testing::Test {
  void SetUp() override {
    if (const auto& why = Network::unavailable(); !why.empty()) GTEST_SKIP() << why;
    seed = std::random_device{}();
    if (const char* const wanted = std::getenv("AM_SEED")) {
      seed = static_cast<std::uint32_t>(std::stoul(wanted));
    }
    network.emplace(seed);
  }

  /// Starts the source on the far host. Its first argument is its endpoint.
  void start(std::vector<std::string> arguments = {"--idle"}) {
    arguments.insert(arguments.begin(),
                     {"tcp://" + std::string(Network::far_address) + ":0", "--plain", "--quick"});
    network->on_far_host([&] { source.emplace(std::move(arguments)); });
    client.emplace(am::rpc::ClientOptions{.endpoint = source->endpoint,
                                          .call_timeout = patience,
                                          .when_down = am::rpc::WhenDown::wait,
                                          .retry_delay = 50ms,
                                          .connect_timeout = 500ms,
                                          .handshake_timeout = 2s,
                                          .heartbeat_interval = 200ms,
                                          .heartbeat_timeout = 400ms,
                                          .allow_plain_tcp = true});
    auto attached = client->attach({.timeout = patience});
    ASSERT_TRUE(attached) << attached.error().message;
    remote.emplace(std::move(*attached));
  }

  /// Three threads that knock as fast as they can, until `stop_calling`.
  void start_calling() {
    for (int i = 0; i < 3; ++i) {
      callers.emplace_back([this](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
          ++(remote->add("Knock") == Result::executed ? executed : others);
        }
      });
    }
  }
  /// Each call has been executed, and exactly once, and the clocks are those of the source.
  void stop_calling() {
    callers.clear();
    EXPECT_EQ(others, 0U);
    EXPECT_EQ(source->knocks(), executed);
    const auto ticks = source->process.ask("");
    EXPECT_EQ(
        remote->when_query([&](const am::Time& now) { return fmt::format("{}", now) == ticks; })
            .wait_for(patience),
        Ended::fired)
        << fmt::format("{}", remote->time()) << " here, " << ticks << " there";
    EXPECT_EQ(remote->epochs(), 0U);
  }

  std::uint32_t seed = 0;
  std::optional<Network> network;
  std::optional<Source> source;
  std::optional<am::rpc::Client> client;
  std::optional<am::rpc::RemoteMachine> remote;
  std::atomic<unsigned long> executed{0};
  std::atomic<unsigned long> others{0};
  std::vector<std::jthread> callers;
};

TEST_F(OverANetwork, that_loses_and_delays_packets_nothing_is_lost_or_run_twice) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  network->set_weather({.loss = 0.05, .delay = 10ms});
  start({});  // it mutates itself, too
  start_calling();
  EXPECT_EQ(remote->when_ticks("Knock", 300).wait_for(patience), Ended::fired);
  stop_calling();
  EXPECT_GT(network->lost(), 10U);
  EXPECT_EQ(remote->traffic().resyncs, 0U);
}

/// Which of the directions of a network are cut.
struct Partition {
  const char* name;
  Weather to_far;
  Weather to_near;
};
void PrintTo(const Partition& partition, std::ostream* out) { *out << partition.name; }

struct Partitioned : OverANetwork, testing::WithParamInterface<Partition> {};
INSTANTIATE_TEST_SUITE_P(Directions, Partitioned,
                         testing::Values(Partition{"both", cut, cut},
                                         Partition{"to_the_source", cut, {}},
                                         Partition{"to_the_client", {}, cut}),
                         [](const auto& chosen) { return std::string(chosen.param.name); });

TEST_P(Partitioned, a_network_that_heals_brings_what_was_missed_and_runs_nothing_twice) {
  start();
  const auto light = remote->when_ticks("Light", 2);
  const auto locked = remote->when("Locked");
  start_calling();
  ASSERT_EQ(remote->when_ticks("Knock", 200).wait_for(patience), Ended::fired);
  network->set_weather(GetParam().to_far, GetParam().to_near);
  ASSERT_TRUE(reaches(*remote, LinkState::stale));
  EXPECT_EQ(source->process.ask("add Light"), "executed");
  EXPECT_EQ(source->process.ask("remove Light"), "executed");
  EXPECT_EQ(source->process.ask("add Closed"), "executed");
  EXPECT_EQ(source->process.ask("add Locked"), "executed");
  EXPECT_FALSE(locked.done());
  network->set_weather({});
  EXPECT_EQ(locked.wait_for(patience), Ended::fired);
  EXPECT_EQ(light.wait_for(patience), Ended::fired) << "it came and went meanwhile";
  ASSERT_TRUE(reaches(*remote, LinkState::connected));
  EXPECT_NE(source->process.ask("resumed"), "0");
  stop_calling();
}

TEST_F(OverANetwork, a_host_that_gets_another_address_is_found_again_and_missed_nothing) {
  start();
  const auto light = remote->when("Light");
  start_calling();
  ASSERT_EQ(remote->when_ticks("Knock", 200).wait_for(patience), Ended::fired);
  network->move_near("10.77.0.3");
  ASSERT_TRUE(reaches(*remote, LinkState::stale));
  EXPECT_EQ(source->process.ask("add Light"), "executed");
  EXPECT_EQ(light.wait_for(patience), Ended::fired);
  ASSERT_TRUE(reaches(*remote, LinkState::connected));
  EXPECT_NE(source->process.ask("resumed"), "0");
  const auto knocks = executed.load();
  while (executed == knocks) std::this_thread::yield();  // calls end by themselves
  stop_calling();
}

}  // namespace
