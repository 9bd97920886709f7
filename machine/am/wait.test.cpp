#include <am/wait.hpp>

#include <am/machine.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace {

using namespace std::chrono_literals;

/// Far longer than anything here takes; a test that needs it has failed.
constexpr auto patience = 30s;

am::Schema letters() { return {{"A", {}}, {"B", {}}, {"C", {}}, {"M", {.multi = true}}}; }

TEST(Wait, that_holds_already_ends_at_once) {
  am::Machine m{letters()};
  m.add("A");
  EXPECT_EQ(m.when("A").ended(), am::Ended::fired);
  EXPECT_EQ(m.when({}).ended(), am::Ended::fired);
  EXPECT_EQ(m.when_not("B").wait(), am::Ended::fired);
  EXPECT_EQ(m.when_time("A", am::Tick{1}).ended(), am::Ended::fired);
  EXPECT_EQ(m.when_ticks("A", 0).ended(), am::Ended::fired);
}

TEST(Wait, for_several_states_ends_when_all_are_active_together) {
  am::Machine m{letters()};
  const auto both = m.when({"A", "B"});
  m.add("A");
  m.remove("A");
  m.add("B");
  EXPECT_FALSE(both.done());
  m.add("A");
  EXPECT_TRUE(both.done());
}

// Spec machine 6.3: a state that goes in the transition in which the other comes.
TEST(Wait, for_several_states_is_not_fooled_by_a_swap) {
  am::Machine m{{{"A", {}}, {"B", {.remove = {"A"}}}}};
  m.add("A");
  const auto both = m.when({"A", "B"});
  m.add("B");
  EXPECT_FALSE(both.done());
}

TEST(Wait, sees_activity_that_lasts_for_one_transition) {
  am::Machine m{letters()};
  const auto a = m.when("A");
  m.on("AState", [](am::Event& e) { e.machine().remove("A"); });
  m.add("A");
  EXPECT_TRUE(m.is_not("A"));
  EXPECT_EQ(a.ended(), am::Ended::fired);
}

TEST(Wait, for_inactivity_ends_when_none_is_active) {
  am::Machine m{letters()};
  m.add({"A", "B"});
  const auto none = m.when_not({"A", "B"});
  m.remove("A");
  EXPECT_FALSE(none.done());
  m.remove("B");
  EXPECT_TRUE(none.done());
}

TEST(Wait, on_ticks_counts_reactivations) {
  am::Machine m{letters()};
  m.add("M");
  const auto again = m.when_ticks("M", 2);
  const auto much_later = m.when_time("M", am::Tick{7});
  m.add("M");
  EXPECT_TRUE(again.done());
  EXPECT_FALSE(much_later.done());
  m.add("M");
  m.add("M");
  EXPECT_TRUE(much_later.done());
}

TEST(Wait, goes_on_after_a_timeout_or_a_stop) {
  am::Machine m{letters()};
  const auto a = m.when("A");
  EXPECT_EQ(a.wait_for(1ms), am::Ended::timeout);
  std::stop_source stop;
  std::thread stopper([&] { stop.request_stop(); });
  EXPECT_EQ(a.wait(stop.get_token()), am::Ended::stopped);
  stopper.join();
  m.add("A");
  EXPECT_EQ(a.wait(), am::Ended::fired);
}

TEST(Wait, for_longer_than_a_clock_can_count_does_not_end_early) {
  am::Machine m{letters()};
  const auto a = m.when("A");
  std::jthread adder([&] { m.add("A"); });
  EXPECT_EQ(a.wait_for(std::chrono::hours::max()), am::Ended::fired);
  EXPECT_EQ(m.when("B").wait_for(-1s), am::Ended::timeout);
}

TEST(Wait, in_a_handler_of_its_machine_throws_instead_of_hanging) {
  am::Machine m{letters()};
  bool threw = false;
  m.on("AState", [&](am::Event& e) {
    try {
      e.machine().when("B").wait();
    } catch (const am::Error& error) {
      threw = error.code() == am::Errc::would_deadlock;
    }
  });
  m.add("A");
  EXPECT_TRUE(threw);
  EXPECT_TRUE(m.is_not("Exception"));
}

TEST(Wait, wakes_threads_that_block_on_copies_of_it) {
  am::Machine m{letters()};
  const auto a = m.when("A");
  std::atomic<int> fired{0};
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back(
        [&fired, a] { fired += a.wait_for(patience) == am::Ended::fired ? 1 : 0; });
  }
  m.add("A");
  threads.clear();
  EXPECT_EQ(fired, 4);
}

TEST(Wait, detaches_when_its_last_handle_goes) {
  am::Machine m{letters()};
  for (int i = 0; i < 100'000; ++i) {
    const auto wait = m.when({"A", "B"});
    const auto ticks = m.when_time("C", am::Tick{100});
    const auto copy = wait;
  }
  m.add({"A", "B", "C"});  // a wait that were still listed would be used after its end here
  EXPECT_TRUE(m.is({"A", "B", "C"}));
}

TEST(Wait, outlives_its_machine) {
  am::Wait wait;
  {
    am::Machine m{letters()};
    wait = m.when("A");
  }
  EXPECT_EQ(wait.wait(), am::Ended::disposed);
  EXPECT_EQ(am::Wait{}.wait(), am::Ended::disposed);
}

}  // namespace
