#include <am/timers.hpp>

#include <am/machine.hpp>
#include <am/task.hpp>
#include <am/testing.hpp>

#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;

/// Far longer than anything here takes; a test that needs it has failed.
constexpr auto patience = 30s;

TEST(SystemTimers, go_off_when_due_and_not_before) {
  const auto& timers = am::system_timers();
  const auto due = timers->now() + 5ms;
  std::promise<am::Timers::Clock::time_point> late;
  std::promise<void> early;
  timers->at(due, [&] { late.set_value(timers->now()); });
  timers->at(timers->now() - 1s, [&] { early.set_value(); });
  EXPECT_EQ(early.get_future().wait_for(patience), std::future_status::ready);
  auto gone_off = late.get_future();
  ASSERT_EQ(gone_off.wait_for(patience), std::future_status::ready);
  EXPECT_GE(gone_off.get(), due);
}

TEST(SystemTimers, do_not_go_off_once_canceled) {
  const auto& timers = am::system_timers();
  std::promise<void> later;
  const auto kept = std::make_shared<int>();
  const auto id = timers->at(timers->now() + 1h, [kept] { FAIL(); });
  timers->at(timers->now() + 1ms, [&] { later.set_value(); });
  EXPECT_TRUE(timers->cancel(id));
  EXPECT_EQ(kept.use_count(), 1);
  EXPECT_FALSE(timers->cancel(id));
  EXPECT_EQ(later.get_future().wait_for(patience), std::future_status::ready);
}

TEST(SystemTimers, are_armed_and_canceled_from_many_threads) {
  const auto& timers = am::system_timers();
  std::atomic<int> gone_off{0};
  std::atomic<int> canceled{0};
  constexpr int each = 2'000;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < each; ++i) {
        const auto id =
            timers->at(timers->now() + std::chrono::microseconds{i % 100}, [&] { ++gone_off; });
        if (i % 2 == 0 && timers->cancel(id)) ++canceled;
      }
    });
  }
  threads.clear();
  std::promise<void> last;
  timers->at(timers->now() + 1ms, [&] { last.set_value(); });
  ASSERT_EQ(last.get_future().wait_for(patience), std::future_status::ready);
  EXPECT_EQ(gone_off + canceled, 4 * each);
}

/// A machine whose time stands still until a test lets it pass.
struct Delayed : testing::Test {
  std::shared_ptr<am::FakeTimers> timers = std::make_shared<am::FakeTimers>();
  am::Machine m{{{"A", {}}, {"M", {.multi = true}}}, {.timers = timers}};
};

TEST_F(Delayed, mutations_are_made_when_their_time_has_come) {
  m.add_after(5s, "A");
  timers->advance(4999ms);
  EXPECT_FALSE(m.is("A"));
  EXPECT_EQ(timers->advance(1ms), 1U);
  EXPECT_TRUE(m.is("A"));
}

TEST_F(Delayed, mutations_carry_their_arguments) {
  struct Key {
    int number;
  };
  int seen = 0;
  m.on("AState", [&](am::Event& e) { seen = e.args<Key>().number; });
  m.add_after(1s, "A", Key{7});
  timers->run_until_idle();
  EXPECT_EQ(seen, 7);
}

TEST_F(Delayed, mutations_can_be_canceled) {
  const auto nudge = m.add_after(5s, "A");
  EXPECT_TRUE(nudge.cancel());
  EXPECT_FALSE(nudge.cancel());
  EXPECT_EQ(timers->pending(), 0U);
  timers->advance(1min);
  EXPECT_FALSE(m.is("A"));
  EXPECT_FALSE(am::Delayed{}.cancel());
}

TEST_F(Delayed, mutations_can_repeat) {
  const auto beat = m.add_every(1s, "M");
  EXPECT_EQ(timers->advance(3500ms), 3U);
  EXPECT_EQ(m.tick("M"), am::Tick{5});
  EXPECT_TRUE(beat.cancel());
  EXPECT_EQ(timers->advance(1min), 0U);
  EXPECT_THROW(m.add_every(0s, "M"), am::Error);
}

TEST_F(Delayed, mutations_stop_with_their_machine) {
  {
    am::Machine other{{{"A", {}}}, {.timers = timers}};
    other.add_every(1s, "A");
    other.add_after(1h, "A");
  }
  EXPECT_LE(timers->run_until_idle(), 2U);
  EXPECT_EQ(timers->pending(), 0U);
}

TEST_F(Delayed, mutations_of_unknown_states_throw_at_once) {
  EXPECT_THROW(m.add_after(1s, "Nope"), am::Error);
}

TEST(FakeTimers, go_off_at_their_own_time_also_those_armed_on_the_way) {
  am::FakeTimers timers;
  const auto start = timers.now();
  std::vector<am::Timers::Clock::duration> seen;
  timers.at(start + 1s, [&] {
    seen.push_back(timers.now() - start);
    timers.at(timers.now() + 1s, [&] { seen.push_back(timers.now() - start); });
  });
  EXPECT_EQ(timers.advance(3s), 2U);
  EXPECT_EQ(seen, (std::vector<am::Timers::Clock::duration>{1s, 2s}));
  EXPECT_EQ(timers.now() - start, 3s);
}

am::Task<> sleeper(std::shared_ptr<am::Timers> timers, am::Api m) {
  co_await am::sleep_for(timers, 0s);
  co_await am::sleep_for(timers, 2s);
  m.add("A");
}

TEST_F(Delayed, tasks_go_on) {
  const auto task = am::spawn(am::inline_executor(), sleeper(timers, m));
  timers->advance(1s);
  EXPECT_FALSE(task.done());
  timers->advance(1s);
  EXPECT_TRUE(task.done());
  EXPECT_TRUE(m.is("A"));
}

TEST(SystemTimers, go_on_when_an_executor_throws) {
  class Refusing final : public am::Executor {
   public:
    void post(std::function<void()>) override { throw std::bad_alloc(); }
  };
  const auto& timers = am::system_timers();
  std::promise<void> refused;
  std::promise<void> next;
  timers->at(
      timers->now(), [&] { refused.set_value(); }, std::make_shared<Refusing>());
  timers->at(timers->now() + 1ms, [&] { next.set_value(); });
  EXPECT_EQ(refused.get_future().wait_for(patience), std::future_status::ready);
  EXPECT_EQ(next.get_future().wait_for(patience), std::future_status::ready);
}

TEST(RepeatedMutation, does_not_pile_up_before_a_busy_machine) {
  const auto timers = std::make_shared<am::FakeTimers>();
  std::promise<void> inside;
  std::promise<void> go;
  am::Machine m{{{"Busy", {}}, {"M", {.multi = true}}}, {.timers = timers}};
  m.on("BusyState", [&](am::Event&) {
    inside.set_value();
    go.get_future().wait();
  });
  std::jthread worker([&] { m.add("Busy"); });
  inside.get_future().wait();
  const auto beat = m.add_every(1s, "M");
  timers->advance(50s);
  go.set_value();
  worker.join();
  EXPECT_EQ(m.tick("M"), am::Tick{1});
  timers->advance(1s);
  EXPECT_EQ(m.tick("M"), am::Tick{3});
}

TEST(FakeTimers, LetAllTimePass) {
  am::FakeTimers timers;
  timers.advance(1s);
  bool gone_off = false;
  timers.at(timers.now() + 24h, [&] { gone_off = true; });
  timers.advance(am::Timers::Clock::duration::max());
  EXPECT_TRUE(gone_off);
  EXPECT_EQ(timers.now(), am::Timers::Clock::time_point::max());
}

// -- whose handlers take long ------------------------------------------------------------------

/// A machine whose handler of A does not return before the test says so.
struct Sleeper {
  std::promise<void> go;
  std::shared_future<void> gone{go.get_future()};
  std::promise<void> inside;
  am::Machine m{{{"A", {}}, {"B", {}}, {"C", {}}}};

  Sleeper() {
    m.on("AState", [this](am::Event&) {
      inside.set_value();
      gone.wait();
    });
  }
  ~Sleeper() {
    go.set_value();
    m.when_queue_ends().wait_for(patience);
  }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;
};

TEST(DelayedMutation, whose_handler_sleeps_holds_up_no_other_machine_and_no_completion) {
  am::Machine other{{{"A", {}}, {"B", {}}}};
  Sleeper sleeper;
  sleeper.m.add_after(1ms, "A");
  sleeper.inside.get_future().wait();
  other.add_after(1ms, "A");
  EXPECT_EQ(other.when("A").wait_for(patience), am::Ended::fired);
  const auto beat = other.add_every(1ms, "B");
  EXPECT_EQ(other.when("B").wait_for(patience), am::Ended::fired);
  beat.cancel();
  std::promise<void> completed;
  am::completion_executor()->post([&] { completed.set_value(); });
  EXPECT_EQ(completed.get_future().wait_for(patience), std::future_status::ready);
}

TEST(DelayedMutation, is_queued_when_it_is_due_also_while_a_handler_sleeps) {
  Sleeper sleeper;
  auto& m = sleeper.m;
  m.add_after(1ms, "A");
  sleeper.inside.get_future().wait();
  m.add_after(1ms, "B");
  std::promise<void> later;
  am::system_timers()->at(am::system_timers()->now() + 2ms, [&] { later.set_value(); });
  ASSERT_EQ(later.get_future().wait_for(patience), std::future_status::ready);
  EXPECT_TRUE(m.will_be("B"));
  EXPECT_EQ(m.add("C"), am::Result::queued);
  EXPECT_EQ(m.queue().front().called, std::vector<am::StateIndex>{*m.schema().find("B")});
}

TEST(DelayedMutation, runs_in_the_order_in_which_it_is_due) {
  std::vector<am::Schema::Entry> entries;
  for (int i = 0; i < 60; ++i) entries.push_back({"S" + std::to_string(i)});
  am::Machine m{am::Schema(std::move(entries))};
  std::vector<std::string> order;
  m.on("AnyState", [&](am::Event& e) {
    for (const auto s : e.transition().enters) order.emplace_back(e.transition().name(s));
  });
  std::vector<std::string> expected;
  for (int i = 0; i < 60; ++i) {
    expected.push_back("S" + std::to_string(i));
    m.add_after(std::chrono::microseconds{10'000 + 20 * i}, expected.back());
  }
  EXPECT_EQ(m.when("S59").wait_for(patience), am::Ended::fired);
  m.when_queue_ends().wait_for(patience);
  EXPECT_EQ(order, expected);
}

TEST(DelayedMutation, of_more_machines_than_there_are_threads_for_sleepers_runs_too) {
  std::vector<std::unique_ptr<Sleeper>> sleepers;
  for (int i = 0; i < 16; ++i) {
    sleepers.push_back(std::make_unique<Sleeper>());
    sleepers.back()->m.add_after(1ms, "A");
    sleepers.back()->inside.get_future().wait();
  }
  am::Machine other{{{"A", {}}}};
  other.add_after(1ms, "A");
  EXPECT_EQ(other.when("A").wait_for(patience), am::Ended::fired);
}

TEST(DelayedMutation, that_is_due_when_its_machine_is_disposed_of_is_harmless) {
  for (int i = 0; i < 200; ++i) {
    am::Machine m{{{"A", {}}}};
    m.add_after(std::chrono::microseconds{i % 20 * 10}, "A");
    if (i % 3 == 0) m.when("A").wait_for(patience);
  }
}

}  // namespace
