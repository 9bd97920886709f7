// What is left on the heap when waits have gone, and what a machine takes.
#include "heap.hpp"

#include <am/machine.hpp>

#include <gtest/gtest.h>

#include <functional>
#include <string>

namespace {

am::Machine make_machine() { return am::Machine{{{"A"}, {"B"}, {"C"}, {"M", {.multi = true}}}}; }

struct Kind {
  const char* name;
  std::function<void(am::Machine&, am::Wait&)> attach;
  int thousands = 100;
};

class AMillionWaits : public testing::TestWithParam<Kind> {};

TEST_P(AMillionWaits, LeaveNothingBehind) {
  auto m = make_machine();
  std::vector<am::Wait> waits(1'000);
  int done = 0;
  const auto batch = [&] {
    for (auto& wait : waits) GetParam().attach(m, wait);
    for (auto& wait : waits) {
      done += wait.done() ? 1 : 0;
      wait = {};
    }
    m.add("M");
  };
  batch(), batch();  // what is kept for reuse is there now: buffers swap
  const auto before = bench::heap_use().bytes;
  for (int i = 0; i < GetParam().thousands; ++i) batch();
  EXPECT_EQ(bench::heap_use().bytes, before);
  EXPECT_EQ(done, 0);
}

INSTANTIATE_TEST_SUITE_P(
    OfAKind, AMillionWaits,
    testing::Values(
        Kind{"When",
             [](am::Machine& m, am::Wait& w) {
               w = m.when({"A", "B"});
             },
             1'000},
        Kind{"WhenTicks", [](am::Machine& m, am::Wait& w) { w = m.when_ticks("M", 1'000'000); }},
        Kind{"WhenNextActive", [](am::Machine& m, am::Wait& w) { w = m.when_next_active("C"); }},
        Kind{"WhenQueue",
             [](am::Machine& m, am::Wait& w) { w = m.when_queue(am::QueueTick{1'000'000}); }},
        Kind{"WhenQuery",
             [](am::Machine& m, am::Wait& w) {
               w = m.when_query([](const am::Time&) { return false; });
             }},
        Kind{"WhenArgs",
             [](am::Machine& m, am::Wait& w) {
               w = m.when_args("A", [](const am::Args&) { return true; });
             }},
        Kind{"Continued",
             [](am::Machine& m, am::Wait& w) {
               w = m.when("A");
               w.then([](am::Ended) {}).cancel();
             }}),
    [](const auto& kind) { return std::string(kind.param.name); });

TEST(FiredWaits, LeaveNothingBehind) {
  auto m = make_machine();
  const auto round = [&] {
    for (int i = 0; i < 100; ++i) {
      const auto on = m.when("A");
      const auto off = m.when_time("A", am::Tick{m.tick("A").value + 2});
      const auto context = m.while_active("A");
      m.add("A");
      m.remove("A");
      EXPECT_TRUE(on.done() && off.done());
    }
  };
  round();
  const auto before = bench::heap_use().bytes;
  for (int i = 0; i < 100; ++i) round();
  EXPECT_EQ(bench::heap_use().bytes, before);
}

TEST(AnIdleMachine, OfSixteenStatesFitsIntoAKibibyte) {
  std::vector<am::Schema::Entry> entries;
  for (int i = 0; i < 16; ++i) entries.push_back({"S" + std::to_string(i)});
  const am::CompiledSchema schema{am::Schema(entries)};
  am::Machine(schema).toggle("S0");  // what threads and the process keep once
  const auto before = bench::heap_use().bytes;
  constexpr std::size_t count = 100;
  std::vector<am::Machine> machines;
  machines.reserve(count);  // the machines themselves count, too
  for (std::size_t i = 0; i < count; ++i) {
    machines.emplace_back(schema);
    machines.back().toggle("S0");
  }
  EXPECT_LE(bench::heap_use().bytes - before, static_cast<std::int64_t>(count) * 1'024);
  std::vector<am::Machine>().swap(machines);
  EXPECT_EQ(bench::heap_use().bytes, before);
}

TEST(ATransition, OfAWarmMachineAllocatesNothing) {
  auto m = make_machine();
  const auto a = m.state("A");
  m.toggle(a), m.toggle(a);
  const auto before = bench::heap_use().allocations;
  for (int i = 0; i < 1'000; ++i) m.toggle(a);
  EXPECT_EQ(bench::heap_use().allocations, before);
}

}  // namespace
