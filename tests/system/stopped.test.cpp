// SIGSTOP of either side under load, for 10 s. These are the only tests that sleep: it is the fault
// that takes so long.
#include "process.hpp"

#include <am/format.hpp>
#include <am/machine.hpp>
#include <am/rpc/client.hpp>
#include <am/rpc/server.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using am::Ended;
using am::Result;
using system_test::memory_of;
using system_test::patience;
using system_test::Process;
using system_test::Source;

/// In the middle of what heartbeats allow by default: a ping that meets a stopped peer finds it
/// dead after 10 s, one that was just answered after 15 s.
constexpr auto stopped = 10s;

TEST(StoppedSource, runs_every_call_once_when_it_goes_on) {
  Source source;
  am::rpc::Client client{{.endpoint = source.endpoint,
                          .call_timeout = 2 * patience,
                          .when_down = am::rpc::WhenDown::wait}};
  auto remote = client.attach({.timeout = patience});
  ASSERT_TRUE(remote);
  const auto light = remote->when("Light");
  std::atomic<unsigned long> executed{0};
  std::atomic<unsigned long> others{0};
  {
    std::vector<std::jthread> callers;
    for (int i = 0; i < 3; ++i) {
      callers.emplace_back([&](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
          ++(remote->add("Knock") == Result::executed ? executed : others);
        }
      });
    }
    ASSERT_EQ(remote->when_ticks("Knock", 500).wait_for(patience), Ended::fired);
    source.process.freeze();
    std::this_thread::sleep_for(stopped);
    EXPECT_FALSE(light.done());
    source.process.kill(SIGCONT);
    EXPECT_EQ(source.process.ask("add Light"), "executed");
    EXPECT_EQ(light.wait_for(patience), Ended::fired);
    ASSERT_EQ(remote->when_ticks("Knock", 500).wait_for(patience), Ended::fired);
  }
  EXPECT_EQ(others, 0U);
  EXPECT_EQ(source.knocks(), executed);
  EXPECT_EQ(remote->epochs(), 0U);
  const auto ticks = source.process.ask("");
  EXPECT_EQ(remote->when_query([&](const am::Time& now) { return fmt::format("{}", now) == ticks; })
                .wait_for(patience),
            Ended::fired);
}

TEST(StoppedClient, holds_up_nobody_and_sees_the_newest_clocks_when_it_goes_on) {
  am::Machine machine{{{"Knock", {.multi = true}}, {"Light", {}}, {"Busy", {}}},
                      {.id = "source", .queue_full = am::QueueFull::block}};
  std::atomic<unsigned long> knocks{0};
  machine.on("KnockState", [&](am::Event&) { ++knocks; });
  am::rpc::Server server{machine, {.push_interval = 1ms}};
  Process frozen{CLIENT_PROGRAM, {server.endpoint()}};
  ASSERT_EQ(frozen.read_line(), "attached");
  am::rpc::Client client{{.endpoint = server.endpoint(), .call_timeout = patience}};
  auto other = client.attach({.timeout = patience});
  ASSERT_TRUE(other);
  ASSERT_EQ(machine.when_ticks("Knock", 500).wait_for(patience), Ended::fired);
  frozen.freeze();
  const auto memory = memory_of("self");
  unsigned long toggles = 0;
  int wrong = 0;
  const auto end = std::chrono::steady_clock::now() + stopped;
  while (std::chrono::steady_clock::now() < end) {
    machine.toggle("Busy");
    wrong += other->toggle("Light") == Result::executed ? 0 : 1;
    ++toggles;
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(toggles, 500U);
  EXPECT_LT(memory_of("self"), memory + (8U << 20U))
      << "what waits for a stopped client is bounded";
  frozen.kill(SIGCONT);
  const auto counts = frozen.ask("");
  EXPECT_EQ(counts, std::to_string(knocks) + " 0");
  EXPECT_EQ(frozen.ask(fmt::format("{}", machine.time())), "equal");
}

TEST(StoppedClient, is_missed_by_heartbeats_and_goes_on_with_its_session) {
  am::Machine machine{{{"Knock", {.multi = true}}},
                      {.id = "source", .queue_full = am::QueueFull::block}};
  std::atomic<unsigned long> knocks{0};
  machine.on("KnockState", [&](am::Event&) { ++knocks; });
  am::rpc::Server server{
      machine, {.push_interval = 1ms, .heartbeat_interval = 100ms, .heartbeat_timeout = 200ms}};
  Process frozen{CLIENT_PROGRAM, {server.endpoint()}};
  ASSERT_EQ(frozen.read_line(), "attached");
  ASSERT_EQ(machine.when_ticks("Knock", 500).wait_for(patience), Ended::fired);
  frozen.freeze();
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_EQ(server.machine().when_not("HasClients").wait_for(patience), Ended::fired);
  // Interval and timeout make 300 ms; the rest is for a machine with better things to do.
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 10s);
  EXPECT_EQ(server.stats().sessions_waiting, 1U);
  frozen.kill(SIGCONT);
  ASSERT_EQ(server.machine().when("HasClients").wait_for(patience), Ended::fired);
  ASSERT_EQ(machine.when_ticks("Knock", 500).wait_for(patience), Ended::fired);
  const auto counts = frozen.ask("");
  EXPECT_EQ(counts, std::to_string(knocks) + " 0");
  EXPECT_EQ(server.stats().links_resumed, 1U);
  EXPECT_EQ(frozen.ask(fmt::format("{}", machine.time())), "equal");
}

}  // namespace
