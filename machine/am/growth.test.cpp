// Schemas that grow at run time (spec machine 2.8).
#include <am/machine.hpp>

#include <am/error.hpp>
#include <am/testing.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

AM_STATES(Small, A, B)
AM_STATES_EXTENDING(Large, (Small), C, D)
AM_STATES(Other, D, A)

namespace {

using namespace std::chrono_literals;
using am::Result;
using Names = std::vector<std::string_view>;

struct Key {};

std::string error_of(const std::function<void()>& call) {
  try {
    call();
    return "";
  } catch (const am::Error& e) {
    return e.what();
  }
}

Names names_of(const am::Machine& machine) {
  const auto names = machine.schema().names();
  return {names.begin(), names.end()};
}

TEST(Growth, AppendsStatesAndKeepsClocks) {
  am::Machine machine{{{"A"}, {"B"}}};
  machine.add("A");
  machine.toggle("B");
  machine.toggle("B");
  EXPECT_EQ(machine.extend_schema({{"A"}, {"B"}, {"C", {.require = {"A"}}}, {"D"}}),
            Result::executed);
  EXPECT_EQ(names_of(machine), (Names{"A", "B", "Exception", "C", "D"}));
  EXPECT_EQ(machine.time().ticks,
            (std::vector{am::Tick{1}, am::Tick{2}, am::Tick{0}, am::Tick{0}, am::Tick{0}}));
  EXPECT_TRUE(machine.is("A"));
  EXPECT_EQ(machine.add({"C", "D"}), Result::executed);
  EXPECT_TRUE(machine.is({"A", "C", "D"}));
  machine.remove("A");
  EXPECT_FALSE(machine.is("C"));
}

TEST(Growth, LeavesExceptionWhereItIs) {
  am::Machine declared{{{"Exception", {.multi = true}}, {"A"}}};
  declared.extend_schema({{"A"}, {"B"}, {"Exception", {}}});
  EXPECT_EQ(names_of(declared), (Names{"Exception", "A", "B"}));
  EXPECT_FALSE(declared.schema().state(0).multi) << "its definition is the new one";
  am::Machine injected{am::Schema{{"A"}}};
  injected.extend_schema({{"A"}, {"B"}});
  injected.extend_schema({{"A"}, {"B"}, {"C"}});
  EXPECT_EQ(names_of(injected), (Names{"A", "Exception", "B", "C"}));
  injected.add_error(am::ErrorInfo{.message = "x"}, "C");
  EXPECT_TRUE(injected.is({"Exception", "C"}));
}

TEST(Growth, ChangesRelationsFromTheNextTransitionOn) {
  am::Machine machine{{{"A"}, {"B"}}};
  machine.add({"A", "B"});
  machine.extend_schema({{"A", {.remove = {"B"}}}, {"B"}, {"Auto", {.automatic = true}}});
  EXPECT_TRUE(machine.is({"A", "B"})) << "nothing is active or not because of it";
  EXPECT_FALSE(machine.is("Auto"));
  machine.add("Exception");
  EXPECT_FALSE(machine.is("B"));
  EXPECT_TRUE(machine.is("Auto"));
}

TEST(Growth, MayAddNothingButRelations) {
  am::Machine machine{{{"A"}, {"B"}}};
  machine.extend_schema({{"A", {.require = {"B"}}}, {"B"}});
  EXPECT_EQ(machine.add("A"), Result::canceled);
}

TEST(Growth, OfWhatTheSpecTestsEndsInTheSameStates) {
  am::Machine machine{{{"A"}, {"B"}, {"C"}, {"D"}}};
  machine.add({"A", "C"});
  machine.extend_schema(
      {{"A", {.multi = true}}, {"B", {.remove = {"C"}}}, {"C"}, {"D", {.add = {"E"}}}, {"E"}});
  machine.set({"A", "B", "D"});
  EXPECT_TRUE(machine.is({"A", "B", "D", "E"}));
  EXPECT_EQ(machine.tick("A"), am::Tick{3});
  EXPECT_EQ(machine.tick("C"), am::Tick{2});
}

TEST(Growth, RefusesToLoseOrMoveStates) {
  am::Machine machine{{{"Open"}, {"Closed"}, {"Locked"}}};
  machine.add("Open");
  const auto* const before = &machine.schema();
  EXPECT_EQ(error_of([&] {
              machine.extend_schema({{"Open"}, {"Close"}, {"Locked"}, {"New"}});
            }),
            "a schema only grows: state \"Closed\" is missing in the new one (did you mean "
            "\"Close\"?)");
  EXPECT_EQ(error_of([&] {
              machine.extend_schema({{"Open"}, {"Locked"}, {"Closed"}});
            }),
            "a schema only grows: \"Locked\" stands where state \"Closed\" has to stay; list the "
            "existing states first, in their order");
  EXPECT_EQ(error_of([&] {
              machine.extend_schema({{"Open"}, {"Closed"}, {"Locked", {.require = {"Opn"}}}});
            }),
            "state \"Locked\" has require \"Opn\", which the schema does not have (did you mean "
            "\"Open\"?)");
  EXPECT_EQ(&machine.schema(), before) << "nothing has changed";
  EXPECT_TRUE(machine.is("Open"));
  EXPECT_FALSE(machine.last_error());
}

TEST(Growth, IsRefusedInAHandlerOfTheMachine) {
  am::Machine machine{am::Schema{{"A"}}};
  std::string error;
  machine.on_state("A", [&](am::Event&) {
    error = error_of([&] { machine.extend_schema({{"A"}, {"B"}}); });
  });
  machine.add("A");
  EXPECT_NE(error, "");
  EXPECT_EQ(machine.schema().size(), 2U);
}

TEST(Growth, OfAMachineThatIsGoneIsCanceled) {
  am::Machine machine{am::Schema{{"A"}}};
  machine.dispose();
  EXPECT_EQ(machine.extend_schema({{"A"}, {"B"}}),
            (Result{Result::canceled, am::Reason::disposed}));
}

TEST(Growth, WaitsForItsTurnWhileAnotherThreadDrains) {
  am::Machine machine{am::Schema{{"A"}}};
  std::atomic<bool> inside{false};
  std::atomic<bool> leave{false};
  machine.on_state("A", [&](am::Event&) {
    inside = true;
    inside.notify_all();
    leave.wait(false);
  });
  std::jthread drainer([&] { machine.add("A"); });
  inside.wait(false);
  EXPECT_EQ(machine.extend_schema({{"A"}, {"B"}}, 1ms),
            (Result{Result::canceled, am::Reason::timeout}));
  std::jthread grower([&] { machine.extend_schema({{"A"}, {"C"}}); });
  leave = true;
  leave.notify_all();
  grower.join();
  EXPECT_EQ(names_of(machine), (Names{"A", "Exception", "C"}));
}

TEST(Growth, TellsTracers) {
  struct Changes : am::Tracer {
    std::size_t before = 0;
    std::size_t after = 0;
    void schema_changed(const am::CompiledSchema& b, const am::CompiledSchema& a) override {
      before = b.size();
      after = a.size();
    }
  };
  am::Machine machine{am::Schema{{"A"}}};
  const auto tracer = std::make_shared<Changes>();
  machine.trace(tracer);
  machine.extend_schema({{"A"}, {"B"}, {"C"}});
  EXPECT_EQ(tracer->before, 2U);
  EXPECT_EQ(tracer->after, 4U);
}

TEST(Growth, KeepsWhatSchemaReturned) {
  am::Machine machine{am::Schema{{"A"}}};
  const auto& first = machine.schema();
  const auto id = machine.state("A");
  machine.extend_schema({{"A"}, {"B"}});
  const auto second = machine.state("B");
  machine.extend_schema({{"A"}, {"B"}, {"C"}});
  EXPECT_EQ(first.size(), 2U);
  machine.add({id, second, machine.state("C")});
  EXPECT_TRUE(machine.is("A") && machine.is(second) && machine.is(machine.state("B")));
}

TEST(Growth, TakesTypedIdsOfBothSets) {
  am::Machine machine{Small::schema()};
  EXPECT_THROW(machine.add(Large::C), am::Error);
  EXPECT_THROW(machine.add(Other::D), am::Error);
  machine.add(Small::B);
  machine.extend_schema(Large::schema());
  EXPECT_EQ(names_of(machine), (Names{"A", "B", "Exception", "C", "D"}));
  machine.add({Large::C, Other::D});
  EXPECT_TRUE(machine.is({Small::B, Large::B, Large::C, Large::D, Other::D}));
  EXPECT_FALSE(machine.is(Large::A));
}

TEST(Growth, OfASetThatDeclaresExceptionKeepsIdsTheMachinesOwn) {
  am::Machine machine{{{"Exception", {.multi = true}}, {"A"}}};
  machine.extend_schema({{"Exception", {.multi = true}}, {"A"}, {"B"}});
  EXPECT_EQ(machine.state("B").index(), 2);
}

TEST(Waits, MadeBeforeGrowthGoOn) {
  am::Machine machine{{{"A"}, {"B"}}};
  const auto active = machine.when({"A", "B"});
  const auto time = machine.when_time("A", am::Tick{3});
  const auto ticks = machine.when_ticks("B", 2);
  const auto next = machine.when_next_active("B");
  const auto query = machine.when_query([](const am::Time& t) { return t.ticks.size() > 3; });
  const auto args =
      machine.when_args("B", [](const am::Args& a) { return a.get_if<Key>() != nullptr; });
  machine.extend_schema({{"A"}, {"B"}, {"C"}});
  EXPECT_FALSE(active.done() || time.done() || ticks.done() || next.done() || args.done());
  machine.add("C");
  EXPECT_TRUE(query.done());
  machine.add("A");
  EXPECT_FALSE(active.done());
  machine.add("B", Key{});
  EXPECT_TRUE(active.done() && next.done() && args.done());
  EXPECT_FALSE(time.done() || ticks.done());
  machine.remove({"A", "B"});
  machine.add("A");
  EXPECT_TRUE(time.done() && ticks.done());
}

TEST(Waits, OnNewStatesWorkWhetherOthersWereThereOrNot) {
  for (const bool others : {false, true}) {
    am::Machine machine{am::Schema{{"A"}}};
    const auto old = others ? machine.when("A") : am::Wait{};
    machine.extend_schema({{"A"}, {"B"}});
    const auto wait = machine.when({"A", "B"});
    machine.add("B");
    EXPECT_FALSE(wait.done());
    machine.add("A");
    EXPECT_TRUE(wait.done());
  }
}

TEST(Contexts, OutliveGrowth) {
  am::Machine machine{am::Schema{{"A"}}};
  machine.add("A");
  const auto token = machine.while_active("A");
  machine.extend_schema({{"A"}, {"B"}});
  EXPECT_FALSE(token.stop_requested());
  machine.add("B");
  const auto on_new = machine.while_active("B");
  machine.remove({"A", "B"});
  EXPECT_TRUE(token.stop_requested() && on_new.stop_requested());
}

TEST(Growth, GoesOnBesideDisposal) {
  for (int round = 0; round < 50; ++round) {
    auto machine = std::make_unique<am::Machine>(am::Schema{{"Start"}});
    machine->add("Start");
    int ended = 0;
    machine->on("StartEnd", [&](am::Event&) { ++ended; });
    std::atomic<bool> begun = false;
    Result last;
    std::thread growing([&, api = am::Api(*machine)]() mutable {
      std::vector<am::Schema::Entry> entries{{"Start"}};
      do {
        entries.push_back({"S" + std::to_string(entries.size())});
        last = machine->extend_schema(am::Schema(entries));
        if (last == Result::executed) api.add(entries.back().name.text);
        begun = true;
      } while (last == Result::executed && entries.size() < 500);
    });
    while (!begun) std::this_thread::yield();
    EXPECT_TRUE(machine->dispose());
    growing.join();
    EXPECT_TRUE(last == Result::executed || last.reason() == am::Reason::disposed);
    EXPECT_EQ(ended, 1);
    EXPECT_FALSE(machine->is("Start"));
  }
}

TEST(Handlers, OfOldAndNewStatesRunAfterGrowth) {
  // Beyond a word of bits, so that what is sized by states has to become larger.
  std::vector<am::Schema::Entry> entries{{"A"}};
  am::Machine machine{am::Schema(entries)};
  std::string calls;
  machine.on_state("A", [&](am::Event&) { calls += 'A'; });
  for (int i = 0; i < 200; ++i) entries.push_back({"S" + std::to_string(i)});
  machine.extend_schema(am::Schema(entries));
  machine.on_state("S150", [&](am::Event&) { calls += 'S'; });
  machine.on("AS199", [&](am::Event&) { calls += 'p'; });
  machine.add("A");
  machine.add("S150");
  machine.add("S199");
  EXPECT_EQ(calls, "ASp");
  EXPECT_TRUE(machine.is({"A", "S150", "S199"}));
}

}  // namespace
