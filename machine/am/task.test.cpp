#include <am/task.hpp>

#include <am/machine.hpp>
#include <am/poll_executor.hpp>
#include <am/thread_executor.hpp>
#include <am/timers.hpp>

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using am::Ended;
using am::Task;

/// Far longer than anything here takes; a test that needs it has failed.
constexpr auto patience = 30s;

am::Schema letters() { return {{"A", {}}, {"B", {}}, {"C", {}}}; }

Task<int> number(int value) { co_return value; }
Task<int> sum(int a, int b) { co_return co_await number(a) + co_await number(b); }
Task<std::unique_ptr<int>> boxed(int value) { co_return std::make_unique<int>(value); }
Task<> failing() {
  co_await number(1);
  throw std::runtime_error("broken");
}
Task<std::string> rescued() {
  try {
    co_await failing();
  } catch (const std::runtime_error& error) {
    co_return error.what();
  }
  co_return "";
}
Task<Ended> waits(am::Wait wait) { co_return co_await wait; }

TEST(Task, gives_what_its_coroutines_return) {
  EXPECT_EQ(am::spawn(am::inline_executor(), sum(2, 3)).get(), 5);
  EXPECT_EQ(*am::spawn(am::inline_executor(), boxed(4)).get(), 4);
}

TEST(Task, passes_exceptions_on) {
  EXPECT_EQ(am::spawn(am::inline_executor(), rescued()).get(), "broken");
  const auto task = am::spawn(am::inline_executor(), failing());
  EXPECT_TRUE(task.done());
  EXPECT_NE(task.exception(), nullptr);
  EXPECT_THROW(task.get(), std::runtime_error);
}

TEST(Task, that_nobody_awaits_never_runs) {
  bool ran = false;
  const auto touch = [](bool& touched) -> Task<> {
    touched = true;
    co_return;
  };
  { const auto dropped = touch(ran); }
  EXPECT_FALSE(ran);
}

Task<am::Result> reacts(am::Api m) {
  co_await m.when("A");
  co_return m.add("B");  // executed: outside of the transition that added A
}

TEST(Task, goes_on_outside_of_the_transition_that_it_waited_for) {
  am::Machine m{letters()};
  const auto task = am::spawn(am::inline_executor(), reacts(m));
  m.on("AState", [&](am::Event&) { EXPECT_FALSE(task.done()); });
  m.add("A");
  EXPECT_EQ(task.get(), am::Result::executed);
}

Task<std::vector<std::thread::id>> threads(am::Api m) {
  std::vector<std::thread::id> seen{std::this_thread::get_id()};
  co_await m.when("A");
  seen.push_back(std::this_thread::get_id());
  const auto result = co_await m.add_async("B");
  EXPECT_EQ(result, am::Result::executed);
  seen.push_back(std::this_thread::get_id());
  co_return seen;
}

TEST(Task, stays_on_its_executor) {
  am::Machine m{letters()};
  const auto worker = std::make_shared<am::ThreadExecutor>();
  const auto task = am::spawn(worker, threads(m));
  m.add("A");
  ASSERT_TRUE(task.wait_for(patience));
  const auto seen = task.get();
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_NE(seen[0], std::this_thread::get_id());
  EXPECT_EQ(seen[0], seen[1]);
  EXPECT_EQ(seen[0], seen[2]);
}

TEST(Task, runs_in_a_loop_of_somebody_else) {
  am::Machine m{letters()};
  const auto loop = std::make_shared<am::PollExecutor>();
  const auto task = am::spawn(loop, waits(m.when("A")));
  loop->run_pending();
  m.add("A");
  EXPECT_FALSE(task.done());
  loop->run_pending();
  ASSERT_TRUE(task.done());
  EXPECT_EQ(task.get(), Ended::fired);
}

TEST(Task, goes_on_as_disposed_when_the_machine_goes) {
  const auto make = [](am::Wait wait) { return am::spawn(am::inline_executor(), waits(wait)); };
  std::optional<am::Spawned<Ended>> task;
  {
    am::Machine m{letters()};
    task = make(m.when("A"));
    EXPECT_FALSE(task->done());
  }
  EXPECT_EQ(task->get(), Ended::disposed);
}

Task<> holds(std::shared_ptr<int> kept, am::Wait wait) {
  const auto local = kept;
  co_await waits(wait);
  ADD_FAILURE() << "went on";
}

TEST(Task, is_destroyed_when_its_executor_has_stopped) {
  am::Machine m{letters()};
  const auto kept = std::make_shared<int>();
  const auto loop = std::make_shared<am::PollExecutor>();
  const auto waiting = am::spawn(loop, holds(kept, m.when("A")));
  loop->run_pending();
  const auto unstarted = am::spawn(loop, holds(kept, m.when("A")));
  loop->stop();
  EXPECT_TRUE(unstarted.done());
  EXPECT_FALSE(waiting.done());
  m.add("A");
  ASSERT_TRUE(waiting.done());
  EXPECT_EQ(kept.use_count(), 1);
  try {
    waiting.get();
    FAIL();
  } catch (const am::Error& error) {
    EXPECT_EQ(error.code(), am::Errc::disposed);
  }
}

TEST(Task, that_nobody_holds_runs_to_its_end) {
  am::Machine m{letters()};
  am::spawn(am::inline_executor(), reacts(m));
  m.add("A");
  EXPECT_TRUE(m.is("B"));
}

TEST(Task, end_can_be_continued) {
  am::Machine m{letters()};
  bool ran = false;
  am::spawn(am::inline_executor(), waits(m.when("A"))).then(am::inline_executor(), [&] {
    ran = true;
  });
  m.add("A");
  EXPECT_TRUE(ran);
}

Task<int> ping(am::Api m, int rounds, const char* mine, const char* other) {
  int count = 0;
  for (; count < rounds; ++count) {
    if (co_await m.when(mine) != Ended::fired) break;
    // While the other one drains, these are queued: A might still be seen without waiting for them.
    co_await m.remove_async(mine);
    co_await m.add_async(other);
  }
  co_return count;
}

TEST(Task, plays_with_another_on_two_threads) {
  am::Machine m{letters()};
  constexpr int rounds = 2'000;
  const auto first = std::make_shared<am::ThreadExecutor>();
  const auto second = std::make_shared<am::ThreadExecutor>();
  const auto a = am::spawn(first, ping(m, rounds, "A", "B"));
  const auto b = am::spawn(second, ping(m, rounds, "B", "A"));
  m.add("A");
  ASSERT_TRUE(a.wait_for(patience));
  ASSERT_TRUE(b.wait_for(patience));
  EXPECT_EQ(a.get(), rounds);
  EXPECT_EQ(b.get(), rounds);
}

/// Takes what it is given and throws it away.
class BrokenTimers final : public am::Timers {
 public:
  Clock::time_point now() const override { return {}; }
  am::TimerId at(Clock::time_point, std::function<void()> fn,
                 std::shared_ptr<am::Executor>) override {
    fn = nullptr;
    throw std::runtime_error("no timer left");
  }
  bool cancel(am::TimerId) override { return false; }
};

TEST(Task, gets_the_exception_of_what_it_wanted_to_wait_for) {
  const auto sleeps = [](std::shared_ptr<am::Timers> timers) -> Task<std::string> {
    try {
      co_await am::sleep_for(timers, 1s);
    } catch (const std::runtime_error& error) {
      co_return error.what();
    }
    co_return "slept";
  };
  const auto task = am::spawn(am::inline_executor(), sleeps(std::make_shared<BrokenTimers>()));
  ASSERT_TRUE(task.done());
  EXPECT_EQ(task.get(), "no timer left");
}

TEST(Spawned, of_a_task_without_a_value_needs_no_type) {
  const auto executor = std::make_shared<am::ThreadExecutor>();
  const am::Spawned<> running = am::spawn(executor, [](int) -> am::Task<> { co_return; }(1));
  running.wait();
  EXPECT_EQ(running.exception(), nullptr);
}

}  // namespace
