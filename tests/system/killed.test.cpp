// kill -9 of either side under load.
#include "process.hpp"

#include <am/format.hpp>
#include <am/machine.hpp>
#include <am/rpc/client.hpp>
#include <am/rpc/server.hpp>

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using am::Result;
using system_test::patience;
using system_test::Process;
using system_test::Source;

/// Polls counters, which have no waits.
bool eventually(const std::function<bool()>& condition) {
  const auto limit = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > limit) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

Process client_of(const am::rpc::Server& server) {
  Process client{CLIENT_PROGRAM, {server.endpoint()}};
  EXPECT_EQ(client.read_line(), "attached");
  return client;
}

TEST(KilledClients, harm_neither_the_server_nor_each_other) {
  am::Machine machine{{{"Knock", {.multi = true}}, {"Light", {}}},
                      {.id = "source", .queue_full = am::QueueFull::block}};
  machine.on("KnockState", [](am::Event&) {});
  am::rpc::Server server{machine, {.push_interval = 1ms, .session_ttl = 300ms}};
  am::rpc::Client client{{.endpoint = server.endpoint(), .call_timeout = patience}};
  auto unharmed = client.attach({.timeout = patience});
  ASSERT_TRUE(unharmed);
  const auto descriptors = system_test::descriptors_of("self");
  int wrong = 0;
  std::list<Process> others;
  {
    const std::jthread caller([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) wrong += unharmed->toggle("Light") == Result::executed ? 0 : 1;
    });
    for (int i = 0; i < 3; ++i) others.push_back(client_of(server));
    for (int round = 0; round < 15; ++round) {
      const auto before = server.stats().mutations;
      ASSERT_TRUE(eventually([&] { return server.stats().mutations > before + 300; }));
      others.pop_front();  // killed in the middle of what it says
      ASSERT_TRUE(eventually([&] { return server.stats().links_open == 3; }));
      others.push_back(client_of(server));
    }
    for (auto& other : others) {
      const auto counts = other.ask("");
      EXPECT_TRUE(counts.ends_with(" 0")) << counts;
    }
  }
  EXPECT_EQ(wrong, 0);
  for (auto& other : others) EXPECT_EQ(other.ask(fmt::format("{}", machine.time())), "equal");
  others.clear();
  EXPECT_TRUE(unharmed->connected());
  EXPECT_EQ(unharmed->traffic().resyncs, 0U);
  EXPECT_EQ(server.stats().links_broken, 0U);
  EXPECT_TRUE(eventually([&] {
    const auto stats = server.stats();
    return stats.connections == 1 && stats.links_open == 1 && stats.sessions_waiting == 0;
  }));
  EXPECT_TRUE(eventually([&] { return system_test::descriptors_of("self") <= descriptors; }));
}

/// What the calls of a test came to, in all.
struct Counts {
  std::atomic<unsigned long> executed{0};
  std::atomic<unsigned long> unknown{0};
  std::atomic<unsigned long> not_sent{0};
  std::atomic<unsigned long> wrong{0};

  void add(Result result) {
    switch (result.kind()) {
      case Result::executed: ++executed; break;
      case Result::unknown: ++unknown; break;
      case Result::not_sent: ++not_sent; break;
      default: ++wrong;
    }
  }
};

/// By the kind of the source's endpoint.
struct KilledSource : testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Over, KilledSource, testing::Values("tcp", "ipc"),
                         [](const auto& chosen) { return chosen.param; });

TEST_P(KilledSource, under_load_leaves_no_caller_waiting_and_runs_nothing_twice) {
  const auto first = GetParam() + (GetParam() == "tcp" ? "://127.0.0.1:0" : "://*");
  std::optional<Source> source{std::in_place, std::vector{first}};
  const auto endpoint = source->endpoint;
  // The deadline of a call is far away: who hangs until then has failed.
  am::rpc::Client client{{.endpoint = endpoint, .call_timeout = 2 * patience, .retry_delay = 20ms}};
  auto remote = client.attach({.timeout = patience});
  ASSERT_TRUE(remote);
  constexpr std::uint64_t kills = 6;
  std::array<Counts, kills + 1> lives;  // by the epoch that a call ended in
  std::atomic<unsigned long> stale_reads{0};
  std::vector<std::jthread> callers;
  for (int i = 0; i < 3; ++i) {
    callers.emplace_back([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        const auto epoch = remote->epochs();
        const auto before = remote->tick("Knock");
        const auto result = remote->add("Knock");
        lives.at(remote->epochs()).add(result);
        if (result != Result::executed) {
          std::this_thread::sleep_for(1ms);  // a caller's own pace while the link is down
        } else if (remote->epochs() == epoch && remote->tick("Knock") <= before) {
          ++stale_reads;
        }
      }
    });
  }
  for (std::uint64_t epoch = 0; epoch <= kills; ++epoch) {
    ASSERT_TRUE(eventually([&] { return lives.at(epoch).executed > 300; })) << "life " << epoch;
    if (epoch == kills) break;
    source.reset();
    source.emplace(std::vector{endpoint});
    ASSERT_TRUE(eventually([&] { return remote->epochs() == epoch + 1; }));
  }
  callers.clear();
  EXPECT_EQ(stale_reads, 0U);
  for (const auto& life : lives) EXPECT_EQ(life.wrong, 0U);
  // The last life, counted from its first call to its last one.
  const auto& last = lives.back();
  const auto runs = source->knocks();
  EXPECT_EQ(last.executed, runs) << "nobody was killed in it";
  EXPECT_EQ(remote->traffic().resyncs, 0U);
  const auto ticks = source->process.ask("");
  EXPECT_EQ(remote->when_query([&](const am::Time& now) { return fmt::format("{}", now) == ticks; })
                .wait_for(patience),
            am::Ended::fired);
}

}  // namespace
