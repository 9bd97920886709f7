#include <am/internal/local_core.hpp>

#include <am/machine.hpp>

#include <fmt/format.h>

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace {

using am::Machine;
using am::Result;

am::Schema five_states() {
  return am::Schema({{"A", {}},
                     {"B", {}},
                     {"Again", {.multi = true}},
                     {"Needs", {.require = {"Needed"}}},
                     {"Needed", {}}});
}

/// With one of these, no transition is a plain one.
struct Onlooker : am::Tracer {};

struct Ends : am::internal::EndTracer {
  std::vector<std::string> lines{};
  void ended(std::span<const am::TickChange> changes, am::QueueTick queue_tick) override {
    lines.push_back(fmt::format("{} changed at {}", changes.size(), queue_tick.value));
  }
  void error_added(const am::ErrorInfo& error) override { lines.push_back(error.message); }
};

TEST(PlainTransition, LeavesTheMachineAsAnyOtherTransitionDoes) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random(seed);
  Machine plain(five_states());
  Machine seen(five_states());
  seen.trace(std::make_shared<Onlooker>());
  const std::vector<std::string> names{"A", "B", "Again", "Needs", "Needed"};
  for (int i = 0; i < 2'000; ++i) {
    const auto& name = names[random() % names.size()];
    const auto what = random() % 5;
    const auto act = [&](Machine& machine) {
      switch (what) {
        case 0: return machine.add(name);
        case 1: return machine.remove(name);
        case 2: return machine.toggle(name);
        case 3: return machine.can_add(name);
        default: return machine.add({name, "A"});
      }
    };
    ASSERT_EQ(act(plain), act(seen)) << i;
    ASSERT_EQ(plain.active_states(), seen.active_states()) << i;
    ASSERT_EQ(plain.time(), seen.time()) << i;
    ASSERT_EQ(plain.queue_tick(), seen.queue_tick()) << i;
  }
}

TEST(PlainTransition, CallsTheHandlersThatConcernItsState) {
  for (const auto* name :
       {"AEnter", "AExit", "AState", "AEnd", "AA", "AB", "BA", "AnyEnter", "AnyState"}) {
    Machine machine({{"A", {}}, {"B", {}}, {"C", {}}});
    int calls = 0;
    machine.on(name, [&](am::Event&) { ++calls; });
    machine.add("B");
    machine.add("A");
    machine.add("A");
    machine.remove("A");
    machine.add("B");
    machine.add("A");
    machine.remove("B");
    machine.add("B");
    EXPECT_GE(calls, 1) << name;
  }
}

TEST(PlainTransition, IsSeenByAHandlerThatWasBoundMeanwhile) {
  Machine machine({{"A", {}}, {"B", {}}});
  machine.add("A");
  int calls = 0;
  const auto binding = machine.on_state("B", [&](am::Event&) { ++calls; });
  machine.remove("A");
  machine.add("B");
  EXPECT_EQ(calls, 1);
  machine.detach(binding);
  machine.remove("B");
  machine.add("B");
  EXPECT_EQ(calls, 1);
}

TEST(PlainTransition, EndsWaitsAndContexts) {
  Machine machine({{"A", {}}, {"B", {}}});
  const auto active = machine.when("A");
  const auto with = machine.when_args("A", am::Args().with("key", 1));
  const auto query = machine.when_query([](const am::Time& time) { return time.sum() == 1; });
  const auto over = machine.when_queue(am::QueueTick{2});
  EXPECT_FALSE(over.done());
  EXPECT_EQ(machine.add("A", am::Args().with("key", 1)), Result::executed);
  EXPECT_TRUE(active.done());
  EXPECT_TRUE(with.done());
  EXPECT_TRUE(query.done());
  EXPECT_TRUE(over.done());
  const auto token = machine.while_active("A");
  machine.add("B");
  EXPECT_FALSE(token.stop_requested());
  machine.remove("A");
  EXPECT_TRUE(token.stop_requested());
}

TEST(PlainTransition, FiresTheWaitsOfItsStateAndNoOthers) {
  constexpr std::size_t count = 100;
  std::vector<am::Schema::Entry> entries;
  for (std::size_t i = 0; i < count; ++i) entries.push_back({fmt::format("S{}", i), {}});
  Machine machine(am::Schema(std::move(entries)));
  const auto name = [](std::size_t i) { return fmt::format("S{}", i); };
  for (int round = 0; round < 2; ++round) {
    std::vector<am::Wait> waits;
    for (std::size_t i = 0; i < count; ++i) {
      waits.push_back(round == 0 ? machine.when(name(i)) : machine.when_not(name(i)));
    }
    for (std::size_t i = 0; i < count; ++i) {
      const auto at = i * 37 % count;
      EXPECT_FALSE(waits[at].done()) << at;
      machine.toggle(name(at));
      EXPECT_TRUE(waits[at].done()) << at;
    }
  }
}

TEST(PlainTransition, TellsATracerThatOnlyWantsEnds) {
  Machine machine({{"A", {}}, {"B", {.remove = {"A"}}}, {"C", {}}});
  auto& core = dynamic_cast<am::detail::LocalCore&>(*machine.core());
  const auto ends = std::make_shared<Ends>();
  const auto id = core.trace(ends);
  machine.add("C");
  machine.add("C");
  machine.add("A");
  machine.add("B");
  machine.can_add("A");
  EXPECT_EQ(ends->lines,
            (std::vector<std::string>{"1 changed at 2", "0 changed at 3", "1 changed at 4",
                                      "2 changed at 5", "0 changed at 0"}));
  machine.add_error(am::ErrorInfo{.message = "broken"});
  ASSERT_EQ(ends->lines.size(), 7U);
  EXPECT_EQ(ends->lines[5], "broken");
  core.detach(id);
  machine.remove("C");
  EXPECT_EQ(ends->lines.size(), 7U);
}

TEST(PlainTransition, TellsWhereAMutationOfAStopCallbackWasMade) {
  Machine machine({{"A", {}}, {"B", {}}}, {.id = "source"});
  Machine other({{"Told", {}}});
  struct Sources : am::Tracer {
    std::string seen{};
    void transition_end(const am::Transition& t) override {
      seen = fmt::format("{}:{}:{}", t.source.machine, t.source.transition, t.source.time);
    }
  };
  const auto sources = std::make_shared<Sources>();
  other.trace(sources);
  machine.add("A");
  machine.add("B");
  const std::stop_callback callback(machine.while_active("A"), [&] { other.add("Told"); });
  machine.remove("A");
  EXPECT_EQ(sources->seen, "source:3:2");
}

}  // namespace
