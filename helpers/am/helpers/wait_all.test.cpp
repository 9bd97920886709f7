#include <am/helpers/wait_all.hpp>

#include <am/helpers/machine_group.hpp>
#include <am/machine.hpp>
#include <am/task.hpp>
#include <am/testing.hpp>
#include <am/thread_executor.hpp>

#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>

namespace {

using namespace std::chrono_literals;

/// Far longer than anything here takes; a test that needs it has failed.
constexpr auto patience = 30s;
/// Long enough for a wait to be seen going on.
constexpr auto moment = 1ms;

am::Schema letters() { return {{"A", {}}, {"B", {}}}; }

TEST(WaitAll, ends_when_every_machine_is_there) {
  am::Machine first{letters()};
  am::Machine second{letters()};
  const auto both = am::when_all({first.when("A"), second.when("B")});
  first.add("A");
  EXPECT_FALSE(both.done());
  second.add("B");
  EXPECT_TRUE(both.get().ok());
}

TEST(WaitAll, of_nothing_ends_at_once) { EXPECT_TRUE(am::wait_all({}).ok()); }

TEST(WaitAll, blocks_until_other_threads_are_done) {
  am::Machine first{letters()};
  am::Machine second{letters()};
  std::jthread one([&] { first.add("A"); });
  std::jthread two([&] { second.add("A"); });
  const am::MachineGroup group{{first, second}};
  EXPECT_TRUE(am::wait_all(group.when("A"), {.limits = {.timeout = patience}}).ok());
  EXPECT_TRUE(group.is("A"));
  EXPECT_FALSE(group.any_is("B"));
}

TEST(WaitAll, ends_as_disposed_with_the_machine_that_went) {
  am::Machine stays{letters()};
  am::Pending<am::Waited> both = am::when_all({});
  {
    am::Machine goes{letters()};
    both = am::when_all({stays.when("A"), goes.when("A")});
  }
  EXPECT_EQ(both.get().ended, am::Ended::disposed);
  EXPECT_EQ(both.get().place, 1U);
}

TEST(WaitAll, gives_up_after_the_timeout_or_when_stopped) {
  am::Machine m{letters()};
  EXPECT_EQ(am::wait_all({m.when("A")}, {.limits = {.timeout = moment}}).ended, am::Ended::timeout);
  std::stop_source source;
  source.request_stop();
  EXPECT_EQ(am::wait_all({m.when("A")}, {.limits = {.stop = source.get_token()}}).ended,
            am::Ended::stopped);
}

TEST(WaitAll, limits_hold_for_the_form_that_does_not_block) {
  const auto timers = std::make_shared<am::FakeTimers>();
  am::Machine m{letters(), {.timers = timers}};
  const auto late = am::when_all({m.when("A")}, {.limits = {.timeout = 5s}});
  std::stop_source source;
  const auto stopped = am::when_all({m.when("A")}, {.limits = {.stop = source.get_token()}});
  timers->advance(4s);
  EXPECT_FALSE(late.done());
  timers->advance(1s);
  EXPECT_EQ(late.value()->ended, am::Ended::timeout);
  EXPECT_FALSE(stopped.done());
  source.request_stop();
  EXPECT_EQ(stopped.value()->ended, am::Ended::stopped);
}

TEST(WaitAll, forgets_its_timer_when_it_is_decided_or_dropped) {
  const auto timers = std::make_shared<am::FakeTimers>();
  am::Machine m{letters(), {.timers = timers}};
  const auto kept = am::when_all({m.when("A")}, {.limits = {.timeout = 5s}});
  { const auto dropped = am::when_all({m.when("A")}, {.limits = {.timeout = 5s}}); }
  EXPECT_EQ(timers->pending(), 1U);
  m.add("A");
  EXPECT_EQ(timers->pending(), 0U);
}

TEST(WaitAll, throws_in_a_handler_of_one_of_its_machines) {
  am::Machine first{letters()};
  am::Machine second{letters()};
  second.on_state("A", [&](am::Event&) { am::wait_all({first.when("A"), second.when("B")}); });
  second.add("A");
  EXPECT_TRUE(second.is("Exception"));
}

TEST(WaitAny, tells_which_came_first) {
  am::Machine first{letters()};
  am::Machine second{letters()};
  const auto race = am::when_first({first.when("A"), second.when("A")});
  second.add("A");
  EXPECT_EQ(race.get().place, 1U);
  EXPECT_EQ(am::wait_any({first.when("A"), second.when("A")}).place, 1U);
  EXPECT_THROW(am::wait_any({}), am::Error);
}

TEST(OrError, tells_which_machine_failed_and_why) {
  am::Machine works{letters(), {.id = "works"}};
  am::Machine fails{letters(), {.id = "fails"}};
  fails.on_state("A", [](am::Event&) { throw std::runtime_error("out of paper"); });
  const auto both = am::when_all({works.when("A"), fails.when("B")}, {.errors_of = {works, fails}});
  works.add("A");
  EXPECT_FALSE(both.done());
  fails.add("A");
  const auto waited = both.get();
  EXPECT_FALSE(waited.ok());
  ASSERT_TRUE(waited.error);
  EXPECT_EQ(waited.place, 1U);
  EXPECT_EQ(waited.error->machine, "fails");
  EXPECT_EQ(waited.error->error.message, "out of paper");
  EXPECT_FALSE(am::wait_any({works.when("A")}, {.errors_of = {fails}}).ok())
      << "an error that is there already counts first";
}

TEST(OrError, is_the_wait_itself_without_errors) {
  am::Machine m{letters()};
  const auto either = am::or_error(m.when("A"), m);
  m.add("A");
  EXPECT_TRUE(either.get().ok());
}

am::Task<bool> both_are_there(am::Api first, am::Api second) {
  std::vector<am::Wait> waits{first.when("A"), second.when("A")};
  const auto waited = co_await am::when_all(std::move(waits));
  co_return waited.ok();
}

TEST(WaitAll, is_awaited_in_a_task) {
  am::Machine first{letters()};
  am::Machine second{letters()};
  const auto loop = std::make_shared<am::ThreadExecutor>();
  const auto task = am::spawn(loop, both_are_there(first, second));
  first.add("A");
  second.add("A");
  EXPECT_TRUE(task.get());
}

TEST(Pause, ends_after_its_time_or_when_stopped) {
  const auto timers = std::make_shared<am::FakeTimers>();
  std::stop_source source;
  const auto elapsed = am::pause(1s, {}, timers);
  const auto stopped = am::pause(1s, source.get_token(), timers);
  source.request_stop();
  EXPECT_EQ(stopped.value(), am::Ended::stopped);
  EXPECT_FALSE(elapsed.done());
  timers->advance(1s);
  EXPECT_EQ(elapsed.value(), am::Ended::fired);
}

TEST(MachineGroup, makes_a_wait_or_a_mutation_of_each_machine) {
  am::Machine first{letters()};
  am::Machine second{letters()};
  am::MachineGroup group{{first, second}};
  for (const auto& result : group.add_async({"A", "B"})) {
    EXPECT_EQ(result.get(), am::Result::executed);
  }
  for (const auto& result : group.remove_async("A")) EXPECT_EQ(result.get(), am::Result::executed);
  EXPECT_TRUE(am::wait_all(group.when_not("A")).ok());
  EXPECT_TRUE(group.any_is("B"));
  EXPECT_THROW(group.is("C"), am::Error);
}

}  // namespace
