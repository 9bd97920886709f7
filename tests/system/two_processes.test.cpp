// A proxy and its source in two processes, over tcp.
#include "process.hpp"

#include <am/format.hpp>
#include <am/rpc/client.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <optional>
#include <string>
#include <thread>

namespace {

using namespace std::chrono_literals;
using am::Result;
using system_test::patience;
using system_test::reaches;
using system_test::Source;

/// The issue of all this: what `add` did shows when it returns, every single time.
constexpr int calls = 100'000;

TEST(TwoProcesses, every_executed_add_shows_while_the_source_mutates_itself) {
  Source source;
  am::rpc::Client client{{.endpoint = source.endpoint}};
  auto remote = client.attach({.timeout = patience});
  ASSERT_TRUE(remote);
  const auto knock = remote->state("Knock");
  const auto light = remote->state("Light");
  int wrong = 0;
  for (int i = 0; i < calls; ++i) {
    // A multi state shows it in its tick, a plain one in its activity.
    const bool on = i % 4 < 2;
    const auto before = remote->tick(knock);
    if (i % 2 == 0) {
      wrong += remote->add(knock) == Result::executed && remote->is(knock) &&
                       remote->tick(knock) > before
                   ? 0
                   : 1;
    } else {
      const auto result = on ? remote->add(light) : remote->remove(light);
      wrong += result == Result::executed && remote->is(light) == on ? 0 : 1;
    }
  }
  EXPECT_EQ(wrong, 0);
  const auto theirs = source.process.ask("");
  // Quiet now. The last push comes within its interval; wait for the sum that it has to bring.
  const auto limit = std::chrono::steady_clock::now() + patience;
  while (fmt::format("{}", remote->time()) != theirs && std::chrono::steady_clock::now() < limit) {
    remote->when_ticks("Open", 1).wait_for(1ms);
  }
  EXPECT_EQ(fmt::format("{}", remote->time()), theirs);
  EXPECT_EQ(remote->traffic().resyncs, 0U);
}

TEST(TwoProcesses, a_killed_source_ends_waits_and_calls_and_says_why) {
  Source source;
  am::rpc::Client client{{.endpoint = source.endpoint, .reconnect = am::rpc::Reconnect::never}};
  auto remote = client.attach({.timeout = patience});
  ASSERT_TRUE(remote);
  const auto never = remote->when("Light");
  source.process.kill(SIGKILL);
  EXPECT_EQ(never.wait_for(patience), am::Ended::unknown);
  EXPECT_EQ(remote->add("Light").reason(), am::Reason::link);
  EXPECT_NE(remote->link_error().find("lost"), std::string::npos) << remote->link_error();
}

TEST(TwoProcesses, a_stopped_source_makes_calls_end_at_their_deadline) {
  Source source;
  am::rpc::Client client{{.endpoint = source.endpoint, .call_timeout = 100ms}};
  auto remote = client.attach({.timeout = patience});
  ASSERT_TRUE(remote);
  source.process.freeze();
  EXPECT_EQ(remote->add("Light"), (Result{Result::unknown, am::Reason::timeout}));
  source.process.kill(SIGCONT);
  EXPECT_EQ(remote->when("Light").wait_for(patience), am::Ended::fired);
}

TEST(TwoProcesses, a_stopped_source_is_noticed_by_heartbeats_and_found_again) {
  Source source;
  am::rpc::Client client{{.endpoint = source.endpoint,
                          .retry_delay = 50ms,
                          .connect_timeout = 500ms,
                          .handshake_timeout = 500ms,
                          .heartbeat_interval = 100ms,
                          .heartbeat_timeout = 200ms}};
  auto remote = client.attach({.timeout = patience});
  ASSERT_TRUE(remote);
  const auto light = remote->when("Light");
  const auto knock = remote->add_async("Knock");
  EXPECT_EQ(knock.get(), Result::executed);
  source.process.freeze();
  const auto frozen = std::chrono::steady_clock::now();
  ASSERT_TRUE(reaches(*remote, am::rpc::LinkState::stale));
  // Interval and timeout make 300 ms; the rest is for a machine with better things to do.
  EXPECT_LT(std::chrono::steady_clock::now() - frozen, 10s);
  EXPECT_EQ(remote->add("Light"), (Result{Result::not_sent, am::Reason::link}));
  source.process.kill(SIGCONT);
  ASSERT_TRUE(reaches(*remote, am::rpc::LinkState::connected));
  EXPECT_EQ(remote->epochs(), 0U);
  EXPECT_FALSE(light.done());
  EXPECT_EQ(remote->add("Light"), Result::executed);
  EXPECT_EQ(light.ended(), am::Ended::fired);
}

TEST(TwoProcesses, a_source_that_was_killed_and_started_again_is_a_new_epoch) {
  std::optional<Source> source{std::in_place};
  const auto endpoint = source->endpoint;
  am::rpc::Client client{{.endpoint = endpoint, .retry_delay = 20ms}};
  auto remote = client.attach({.timeout = patience});
  ASSERT_TRUE(remote);
  EXPECT_EQ(remote->add("Light"), Result::executed);
  const auto off = remote->when_not("Light");
  const auto ticks = remote->when_ticks("Light", 1000);
  source.reset();
  ASSERT_TRUE(reaches(*remote, am::rpc::LinkState::stale));
  EXPECT_FALSE(off.done());
  source.emplace(std::vector{endpoint});
  EXPECT_EQ(off.wait_for(patience), am::Ended::fired);
  EXPECT_EQ(ticks.wait_for(patience), am::Ended::epoch_changed);
  EXPECT_EQ(remote->epochs(), 1U);
  ASSERT_TRUE(reaches(*remote, am::rpc::LinkState::connected));
  EXPECT_EQ(remote->add("Light"), Result::executed);
}

}  // namespace
