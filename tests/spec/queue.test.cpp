// Specification 12.5: the queue and checks.
#include "support.hpp"

#include <am/breakpoint.hpp>

#include <gtest/gtest.h>

#include <latch>
#include <thread>

namespace {

using am::Result;
using spec::order;
using spec::plain;
using spec::text;
using spec::tick;

TEST(AFullQueue, LetsErrorsAndChecksInAndRefusesTheRest) {
  am::Machine m{{{"A", {.multi = true}}, {"B"}}, {.queue_limit = 3}};
  std::vector<std::string> results;
  m.on("BState", [&](am::Event& e) {
    auto api = e.machine();
    const auto note = [&](Result r) { results.push_back(am::to_string(r)); };
    for (int i = 0; i < 5; ++i) note(api.add("A"));
    note(api.add_error({"broken"}));
    note(api.add("Exception"));
    note(api.remove("B"));
    note(api.set("B"));
    note(api.can_add("B"));
  });
  m.add("B");
  EXPECT_EQ(results, (std::vector<std::string>{
                         "queued at 3", "queued at 4", "queued at 5", "canceled (queue_full)",
                         "canceled (queue_full)", "queued at 6", "queued at 7",
                         "canceled (queue_full)", "canceled (queue_full)", "queued"}));
  EXPECT_EQ(tick(m, "A"), 5U);
  EXPECT_EQ(tick(m, "Exception"), 3U);
}

TEST(WhenQueueEnds, FiresWhenAllThatWasQueuedHasRun) {
  auto m = plain();
  std::latch running(1);
  std::latch waiting(1);
  m.on("AState", [&](am::Event& e) {
    running.count_down();
    waiting.wait();
    e.machine().add("B");
  });
  std::jthread drainer([&] { m.add("A"); });
  running.wait();
  const auto wait = m.when_queue_ends();
  EXPECT_FALSE(wait.done());
  waiting.count_down();
  ASSERT_EQ(wait.wait_for(spec::patience), am::Ended::fired);
  EXPECT_TRUE(m.is("B"));
}

TEST(WhenQueue, FiresWhenTheMutationHasEnded) {
  auto m = plain();
  std::latch running(1);
  std::latch go(1);
  Result last;
  m.on("AState", [&](am::Event& e) {
    e.machine().add("B");
    e.machine().add("C");
    last = e.machine().add("D");
    running.count_down();
    go.wait();
  });
  std::jthread drainer([&] { m.add("A"); });
  running.wait();
  const auto wait = m.when_queue(last.queue_tick());
  EXPECT_FALSE(wait.done());
  go.count_down();
  ASSERT_EQ(wait.wait_for(spec::patience), am::Ended::fired);
  EXPECT_TRUE(m.is({"A", "B", "C", "D"}));
}

TEST(QueueTicks, BeginAtOne) {
  auto m = plain();
  EXPECT_EQ(m.queue_tick().value, 1U);
  m.add("A");
  EXPECT_EQ(m.queue_tick().value, 2U);
}

TEST(Duplicates, AreNotDroppedAcrossACounterMutation) {
  am::Machine m{{{"A"}, {"B"}}};
  std::vector<std::uint64_t> ticks;
  m.on("AState", [&](am::Event& e) {
    auto api = e.machine();
    ticks.push_back(api.add("B").queue_tick().value);
    ticks.push_back(api.remove("B").queue_tick().value);
    ticks.push_back(api.add("B").queue_tick().value);
  });
  m.add("A");
  EXPECT_EQ(ticks, (std::vector<std::uint64_t>{3, 4, 5}));
  EXPECT_TRUE(m.is("B"));
}

TEST(Duplicates, AreNotMutationsWithArguments) {
  am::Machine m{{{"A"}, {"B"}}};
  std::vector<std::uint64_t> ticks;
  m.on("AState", [&](am::Event& e) {
    auto api = e.machine();
    ticks.push_back(api.add("B").queue_tick().value);
    ticks.push_back(api.add("B", am::Args{}.with("x", am::Value{"1"})).queue_tick().value);
  });
  m.add("A");
  EXPECT_EQ(ticks, (std::vector<std::uint64_t>{3, 4}));
}

TEST(ARemovalOfWhatIsInactive, IsQueuedWhileItMightStillCome) {
  am::Machine m{{{"A"}, {"B"}}};
  Result entering;
  m.on("AEnter", [&](am::Event& e) { entering = e.machine().remove("A"); });
  m.add("A");
  EXPECT_EQ(entering, Result::queued);
  EXPECT_FALSE(m.is("A"));
}

TEST(ARemovalOfWhatIsInactive, IsDoneAtOnceInTheFinalPhase) {
  am::Machine m{{{"A"}, {"B"}}};
  Result final;
  m.on("AState", [&](am::Event& e) { final = e.machine().remove("B"); });
  m.add("A");
  EXPECT_EQ(final, Result::executed);
  EXPECT_EQ(m.queue_tick().value, 2U);
}

TEST(Checks, InHandlersAreQueuedWithoutATick) {
  auto m = plain();
  Result result;
  m.on("AState", [&](am::Event& e) { result = e.machine().can_add("B"); });
  m.add("A");
  EXPECT_EQ(result, (Result{Result::queued}));
}

TEST(Checks, AnswerWhetherItIsPossible) {
  am::Machine m{{{"A", {.require = {"B"}}}, {"B"}}};
  EXPECT_EQ(m.can_add("B"), Result::executed);
  EXPECT_EQ(m.can_add("A"), Result::canceled);
  EXPECT_EQ(m.can_remove("B"), Result::executed);
}

TEST(Checks, OfMultiStatesFollowTheirRequirements) {
  am::Machine m{{{"A"}, {"B", {.multi = true, .require = {"A"}}}}};
  EXPECT_EQ(m.can_add("B"), Result::canceled);
  EXPECT_EQ(m.add("B"), Result::canceled);
}

TEST(Checks, OfRemovalsCarryTheirArguments) {
  auto m = plain({"A"});
  bool asked = false;
  m.on("AExit", [&](am::Event& e) { asked = e.is_check() && e.args().get_if("x") != nullptr; });
  EXPECT_EQ(m.can_remove("A", am::Args{}.with("x", am::Value{"1"})), Result::executed);
  EXPECT_TRUE(asked);
  EXPECT_TRUE(m.is("A"));
}

TEST(TheQueue, TellsAHandlerWhatItHolds) {
  auto m = plain();
  bool asked = false;
  m.on("AState", [&](am::Event& e) {
    auto api = e.machine();
    api.add("B"), api.add("C"), api.add("D");
    EXPECT_EQ(m.queue_length(), 3U);
    EXPECT_EQ(m.is_queued("C")->index, 1U);
    EXPECT_TRUE(m.will_be("C"));
    EXPECT_FALSE(m.is_queued("A"));
    EXPECT_FALSE(m.will_be("A"));
    EXPECT_FALSE(m.will_be_removed("A"));
    asked = true;
  });
  m.add("A", am::Args{}.with("x", am::Value{"1"}));
  EXPECT_TRUE(asked);
  EXPECT_FALSE(m.is("Exception"));
}

TEST(TheQueue, IsSearchedByPlaceStatesArgumentsAndTick) {
  using enum am::QueuePlace;
  auto m = plain();
  bool asked = false;
  m.on("AState", [&](am::Event& e) {
    auto api = e.machine();
    api.add({"B", "C"});
    api.add("C", am::Args{}.with("x", am::Value{"1"}));
    api.remove("A");
    EXPECT_TRUE(m.will_be("B"));
    EXPECT_TRUE(m.will_be("C", first));
    EXPECT_FALSE(m.will_be("C", last));
    EXPECT_TRUE(m.will_be_removed("A", last));
    const auto exactly = am::QueueQuery::Called::exactly;
    EXPECT_EQ(m.is_queued("C", {.called = exactly}), (am::QueuePosition{1, am::QueueTick{4}}));
    EXPECT_FALSE(m.is_queued("C", {.called = exactly, .args = am::QueueQuery::With::no_args}));
    EXPECT_EQ(m.is_queued("C", {.from = am::QueueTick{4}})->index, 1U);
    EXPECT_EQ(m.count_queued("C"), 2U);
    asked = true;
  });
  m.add("A");
  EXPECT_TRUE(asked);
}

TEST(TheQueue, HasNoFirstWhenItIsEmpty) {
  auto m = plain();
  EXPECT_FALSE(m.will_be("A", am::QueuePlace::first));
}

TEST(Eval, RunsItsFunctionOnce) {
  auto m = plain();
  int runs = 0;
  EXPECT_TRUE(m.eval([&] { ++runs; }));
  EXPECT_EQ(runs, 1);
}

TEST(Eval, WithinAnotherOneOrAHandlerIsGivenUpAtOnce) {
  auto m = plain();
  bool inner = true;
  bool in_handler = true;
  int runs = 0;
  EXPECT_TRUE(m.eval([&] { inner = m.eval([&] { ++runs; }); }));
  m.on("AState", [&](am::Event&) { in_handler = m.eval([&] { ++runs; }); });
  m.add("A");
  EXPECT_FALSE(inner);
  EXPECT_FALSE(in_handler);
  EXPECT_EQ(runs, 0);
}

TEST(Eval, ThatThrowsAddsExceptionAndTheMachineGoesOn) {
  auto m = plain({"A"});
  m.eval([] { throw std::runtime_error("broken"); });
  EXPECT_TRUE(m.is("Exception"));
  EXPECT_EQ(m.remove("A"), Result::executed);
}

TEST(Eval, WithAScopeThatIsOverDoesNotRun) {
  auto m = plain();
  std::stop_source scope;
  scope.request_stop();
  bool ran = false;
  EXPECT_FALSE(m.eval([&] { ran = true; }, scope.get_token()));
  EXPECT_FALSE(ran);
}

TEST(ABreakpoint, IsHitByItsMutationsAndChangesNothing) {
  auto m = plain();
  int hits = 0;
  am::break_on(m, {.added = {"A"}, .removed = {"B"}, .hit = [&](const auto&) { ++hits; }});
  m.add("A");
  EXPECT_EQ(hits, 1);
  EXPECT_EQ(order(m), "A");
  m.add("A");
  m.remove("B");
  EXPECT_EQ(hits, 3);
  m.remove("A");
  EXPECT_EQ(hits, 3);
}

TEST(ABreakpoint, ThatHasToMatterIsNotHitByWhatIsThere) {
  auto m = plain({"A"});
  int hits = 0;
  am::break_on(m, {.added = {"A"},
                   .when = am::Breakpoint::When::it_matters,
                   .hit = [&](const auto&) { ++hits; }});
  m.add("A");
  EXPECT_EQ(hits, 0);
}

}  // namespace
