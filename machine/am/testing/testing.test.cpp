#include <am/testing.hpp>

#include <gtest/gtest.h>

#include <latch>
#include <thread>

namespace {

using namespace std::chrono_literals;
using am::testing::Recorder;

am::Machine make_door() {
  return am::Machine{{{"Closed", {.remove = {"Open"}}},
                      {"Open", {.remove = {"Closed"}}},
                      {"Locked", {.require = {"Closed"}}},
                      {"Lit", {.automatic = true, .require = {"Open"}}}}};
}

TEST(Recorder, TellsWhatRanAndWhyNot) {
  auto door = make_door();
  door.on("OpenEnter", [](am::Event& e) { return !e.machine().is("Locked"); });
  Recorder seen(door);
  door.add("Locked");
  door.add({"Closed", "Locked"});
  door.can_add("Open");
  door.set("Open");
  door.remove("Locked");
  door.toggle("Open");
  EXPECT_EQ(seen.difference({"add Locked canceled: Locked requires Closed", "add Closed Locked",
                             "check add Open canceled: OpenEnter refused",
                             "set Open canceled: OpenEnter refused", "remove Locked", "add Open",
                             "auto add Lit"}),
            "");
  EXPECT_EQ(seen.last_difference("auto add Lit"), "");
}

TEST(Recorder, ShowsBothSidesOfADifference) {
  auto door = make_door();
  Recorder seen(door);
  door.add("Closed");
  door.add("Locked");
  EXPECT_EQ(seen.difference({"add Closed", "add Open", "remove Closed"}),
            "the transitions are not as expected:\n"
            "    add Closed\n"
            "  - add Open\n"
            "  + add Locked\n"
            "  - remove Closed\n"
            "  + (nothing)\n"
            "(- expected, + seen)\n");
}

TEST(Recorder, GoesOnStepByStep) {
  auto door = make_door();
  Recorder seen(door);
  EXPECT_THROW((void)seen.last(), am::Error);
  door.add("Closed");
  seen.expect({"add Closed"});
  door.add("Locked");
  EXPECT_THROW(seen.expect({"add Closed"}), am::Error);
  seen.expect({"add Locked"});
  seen.expect({});
}

TEST(Recorder, NamesTheHandlersThatRan) {
  auto door = make_door();
  for (const auto* name : {"OpenEnter", "OpenState"}) door.on(name, [](am::Event&) {});
  Recorder seen(door);
  door.add("Open");
  EXPECT_EQ(seen.transitions().front().handlers,
            (std::vector<std::string>{"OpenEnter", "OpenState"}));
  EXPECT_EQ(seen.handlers(), (std::vector<std::string>{"OpenEnter", "OpenState"}));
}

TEST(Recorder, LetsGoOfItsMachine) {
  auto door = make_door();
  { const Recorder seen(door); }
  door.add("Open");
  EXPECT_TRUE(door.is("Open"));
}

TEST(ManualExecutor, RunsWhatATestTellsItTo) {
  am::ManualExecutor executor;
  int ran = 0;
  executor.post([&] {
    ++ran;
    executor.post([&] { ++ran; });
  });
  EXPECT_EQ(ran, 0);
  EXPECT_TRUE(executor.run_one());
  EXPECT_EQ(executor.pending(), 1U);
  EXPECT_EQ(executor.run_all(), 1U);
  EXPECT_FALSE(executor.run_one());
  EXPECT_EQ(ran, 2);
}

TEST(ManualExecutor, StopsAtItsLimit) {
  am::ManualExecutor executor;
  std::function<void()> again = [&] { executor.post(again); };
  executor.post(again);
  EXPECT_EQ(executor.run_all(10), 10U);
}

TEST(RunUntilIdle, WaitsForOtherThreads) {
  auto door = make_door();
  std::latch entered(1);
  door.on("ClosedState", [&](am::Event& e) {
    entered.count_down();
    e.machine().add("Locked");
  });
  std::jthread other([&] { door.add("Closed"); });
  entered.wait();
  EXPECT_TRUE(am::testing::run_until_idle(door));
  EXPECT_TRUE(door.is("Locked"));
}

TEST(RunUntilIdle, LetsTimersAndExecutorsWork) {
  const auto timers = std::make_shared<am::FakeTimers>();
  const auto executor = std::make_shared<am::ManualExecutor>();
  am::Machine a{{{"Go"}, {"On"}}, {.timers = timers}};
  am::Machine b{{{"Go"}, {"On"}}};
  a.when("Go").then(executor, [&] { b.add("Go"); });
  b.when("Go").then(am::completion_executor(), [&] { a.add_after(0s, "On"); });
  a.when("On").then(executor, [&] { b.add("On"); });
  a.add("Go");
  EXPECT_FALSE(b.is("Go"));
  EXPECT_TRUE(am::testing::run_until_idle({.timers = {timers}, .executors = {executor}}, a, b));
  EXPECT_TRUE(b.is("On"));
}

TEST(RunUntilIdle, LeavesTimersOfLaterAlone) {
  const auto timers = std::make_shared<am::FakeTimers>();
  am::Machine m{{{"Go"}}, {.timers = timers}};
  m.add_after(1s, "Go");
  EXPECT_TRUE(am::testing::run_until_idle({.timers = {timers}}, m));
  EXPECT_FALSE(m.is("Go"));
}

TEST(RunUntilIdle, GivesUpOnMachinesThatNeverRest) {
  const auto executor = std::make_shared<am::ManualExecutor>();
  am::Machine m{{{"Again", {.multi = true}}}};
  std::function<void()> again = [&] {
    m.add("Again");
    executor->post(again);
  };
  executor->post(again);
  EXPECT_FALSE(am::testing::run_until_idle({.executors = {executor}, .limit = 20}, m));
}

}  // namespace
