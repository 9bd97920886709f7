// Specification 11.4: what only shows after many changes, at the ends of numbers, or with many
// threads.
#include "support.hpp"

#include <am/helpers/pipe.hpp>

#include <filesystem>
#include <random>
#include <thread>

namespace {

using namespace std::chrono_literals;
using am::Ended;
using am::Result;
using remote::patience;
using remote::plain;
using remote::related;
using remote::Subject;
using remote::ticks;
using remote::Where;

// -- 1 --------------------------------------------------------------------------------------------

class Observer : public testing::TestWithParam<std::chrono::milliseconds> {};
INSTANTIATE_TEST_SUITE_P(Intervals, Observer, testing::Values(0ms, 1ms, 10ms));

TEST_P(Observer, StaysExactThroughRandomMutations) {
  Subject m{Where::tcp, related(), {}, {.push_interval = GetParam()}};
  std::mt19937 random{7};
  const std::vector<std::string> states{"A", "B", "C", "D"};
  for (int i = 0; i < 100'000; ++i) {
    const auto& state = states[random() % states.size()];
    switch (random() % 4) {
      case 0: m.source().add(state); break;
      case 1: m.source().remove(state); break;
      case 2: m.source().set(state); break;
      default: m.source().toggle({state, states[random() % states.size()]}); break;
    }
  }
  EXPECT_TRUE(m.settle());
  EXPECT_EQ(m->time(), m.source().time());
  EXPECT_EQ(m->when_queue(m.source().queue_tick()).wait_for(patience), Ended::fired);
  EXPECT_GT(m.proxy().traffic().pushes, 0U);
  EXPECT_EQ(m.proxy().traffic().mutations, 0U);
  m.expect_strict();
}

// -- 3 --------------------------------------------------------------------------------------------

TEST(Race, RepliesAndPushesLeaveTheProxyEqualToTheSource) {
  Subject m{Where::tcp,
            {{"A"}, {"B"}, {"C"}, {"D"}, {"Mine", {.multi = true}}},
            {},
            {.push_interval = 1ms}};
  {
    std::vector<std::jthread> threads;
    for (const auto* state : {"A", "B", "C", "D"}) {
      threads.emplace_back([&, state](const std::stop_token& stop) {
        while (!stop.stop_requested()) m.source().toggle(state);
      });
    }
    for (int i = 0; i < 300; ++i) {
      const auto before = m->tick("Mine");
      const auto result = m->add("Mine");
      ASSERT_EQ(result, Result::executed)
          << am::to_string(result) << ": " << m.proxy().link_error();
      ASSERT_GT(m->tick("Mine"), before);
    }
  }
  m.expect_strict();
}

// -- 5 --------------------------------------------------------------------------------------------

TEST(Numbers, JumpsOfAnySizeFitIntoOneUpdate) {
  Subject m{Where::inproc, {{"A"}, {"B", {.require = {"A"}}}}, {}, {.push = false}};
  // More queue ticks than 16 bits hold, of mutations that change nothing else.
  for (int i = 0; i < 70'000; ++i) m.source().add("B");
  EXPECT_EQ(m->add("A"), Result::executed);
  EXPECT_EQ(m->queue_tick(), m.source().queue_tick());
  // A jump of a tick beyond 32 bits, forwards only.
  auto saved = m.source().save();
  saved.time.ticks[0] = am::Tick{(std::uint64_t{1} << 40U) + 1};
  m.source().restore(saved);
  EXPECT_EQ(m->add("B"), Result::executed);
  EXPECT_EQ(ticks(*m, {"A", "B"}), "1099511627777 1");
  EXPECT_EQ(m->machine_tick().value, 1U);
  m.expect_strict();
}

// -- 9 --------------------------------------------------------------------------------------------

std::size_t count(const char* folder) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

TEST(Cycles, LeaveNoThreadAndNoDescriptorBehind) {
  am::Machine source{plain()};
  const auto cycle = [&] {
    am::rpc::Server server{source};
    am::rpc::Client client{{.endpoint = server.endpoint()}};
    auto proxy = client.attach({.timeout = patience});
    ASSERT_TRUE(proxy);
    const auto never = proxy->when("D");
    EXPECT_EQ(proxy->toggle("A"), Result::executed);
    EXPECT_TRUE(client.stop(patience));
    EXPECT_EQ(never.wait_for(patience), Ended::disposed);
    EXPECT_TRUE(server.stop(patience));
  };
  cycle();  // what the process keeps: timers, completions, ZeroMQ's own thread
  const auto threads = count("/proc/self/task");
  const auto descriptors = count("/proc/self/fd");
  for (int i = 0; i < 100; ++i) cycle();
  // The kernel and ZeroMQ's own thread clean up a moment after they were told to.
  const auto limit = std::chrono::steady_clock::now() + patience;
  const auto left = [&] {
    return count("/proc/self/fd") > descriptors || count("/proc/self/task") > threads;
  };
  while (left() && std::chrono::steady_clock::now() < limit) std::this_thread::yield();
  EXPECT_LE(count("/proc/self/task"), threads);
  EXPECT_LE(count("/proc/self/fd"), descriptors);
}

// -- 10 -------------------------------------------------------------------------------------------

TEST(Pipes, KeepTheOrderOfBurstsInBothDirections) {
  am::Schema schema{{"In"}, {"Out"}};
  Subject far{Where::tcp, schema, {}, {.push_interval = 1ms}};
  am::Machine near{schema};
  const am::Pipe there{near, *far, {{"Out", "In"}}};
  const am::Pipe back{*far, near, {{"Out", "In"}}};
  // No toggles: each would ask whether the state is active while the one before may be queued.
  constexpr int changes = 501;
  for (int i = 0; i < changes; ++i) {
    for (am::Machine* const machine : {&near, &far.source()}) {
      i % 2 == 0 ? machine->add("Out") : machine->remove("Out");
    }
  }
  EXPECT_EQ(far.source().when_time("In", am::Tick{changes}).wait_for(patience), Ended::fired);
  EXPECT_EQ(near.when("In").wait_for(patience), Ended::fired);
  // An odd number of changes: whoever reordered them would end inactive, or never settle.
  EXPECT_EQ(far.source().tick("In"), am::Tick{changes});
  near.remove("Out");
  far.source().remove("Out");
  EXPECT_EQ(far.source().when_not("In").wait_for(patience), Ended::fired);
  EXPECT_EQ(near.when_not("In").wait_for(patience), Ended::fired);
}

}  // namespace
