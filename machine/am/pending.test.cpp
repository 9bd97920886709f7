#include <am/pending.hpp>

#include <am/machine.hpp>
#include <am/thread_executor.hpp>

#include <gtest/gtest.h>

#include <optional>

#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using am::Result;

/// Far longer than anything here takes; a test that needs it has failed.
constexpr auto patience = 30s;

am::Schema letters() { return {{"A", {}}, {"B", {}}, {"C", {.require = {"B"}}}}; }

TEST(Pending, outcome_on_an_idle_machine_is_there_at_once) {
  am::Machine m{letters()};
  const auto a = m.add_async("A");
  EXPECT_TRUE(a.done());
  EXPECT_EQ(a.get(), Result::executed);
  EXPECT_EQ(m.add_async("C").get().reason(), am::Reason::requirement);
  EXPECT_EQ(m.remove_async("A").get(), Result::executed);
  EXPECT_EQ(m.set_async({"A", "B"}).get(), Result::executed);
  EXPECT_TRUE(m.is({"A", "B"}));
}

TEST(Pending, outcome_in_a_handler_comes_when_the_mutation_has_run) {
  am::Machine m{letters()};
  std::vector<Result> results;
  bool early = true;
  bool threw = false;
  m.on("AState", [&](am::Event& e) {
    const auto executed = e.machine().add_async("B");
    const auto removed = e.machine().remove_async("C");
    const auto canceled = e.machine().add_async("C", am::Args{}.with("why", std::string("test")));
    early = executed.done();
    EXPECT_FALSE(executed.value());
    try {
      executed.get();
    } catch (const am::Error& error) {
      threw = error.code() == am::Errc::would_deadlock;
    }
    executed.then([&](Result r) { results.push_back(r); });
    removed.then([&] { results.push_back(m.remove("B")); });
    canceled.then([&](Result r) { results.push_back(r); });
  });
  m.add("A");
  EXPECT_FALSE(early);
  EXPECT_TRUE(threw);
  EXPECT_EQ(results, (std::vector<Result>{Result::executed, Result::executed, Result::executed}));
}

TEST(Pending, outcome_waits_for_what_the_handlers_queued) {
  am::Machine m{letters()};
  m.on("AState", [](am::Event& e) { e.machine().add("B"); });
  bool b = false;
  m.add_async("A").then([&] { b = m.is("B"); });
  EXPECT_TRUE(b);
}

TEST(Pending, outcome_of_what_a_full_queue_refuses_is_canceled) {
  am::Machine m{letters(), {.queue_limit = 1}};
  std::optional<Result> second;
  m.on("AState", [&](am::Event& e) {
    e.machine().add_async("B");
    second = e.machine().add_async("C").value();
  });
  m.add("A");
  ASSERT_TRUE(second);
  EXPECT_EQ(second->reason(), am::Reason::queue_full);
}

TEST(Pending, outcome_of_what_a_disposal_drops_is_canceled) {
  am::Machine m{letters()};
  std::optional<am::Pending<Result>> dropped;
  m.on("AState", [&](am::Event& e) {
    dropped = e.machine().add_async("B");
    m.dispose();
  });
  m.add("A");
  EXPECT_EQ(dropped->get().reason(), am::Reason::disposed);
  EXPECT_EQ(m.add_async("A").get().reason(), am::Reason::disposed);
}

TEST(Pending, outcome_can_be_blocked_for_while_another_thread_drains) {
  am::Machine m{letters(), {.queue_limit = 100'000}};
  std::vector<std::jthread> threads;
  std::atomic<int> executed{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        const auto result = m.add_async("A").get_for(patience);
        executed += result && *result == Result::executed ? 1 : 0;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(executed, 2000);
}

TEST(ToggleAsync, chooses_when_it_is_called) {
  am::Machine m{{{"A", {}}, {"B", {}}}};
  EXPECT_EQ(m.toggle_async({"A", "B"}).get(), am::Result::executed);
  EXPECT_TRUE(m.is({"A", "B"}));
  m.remove("B");
  std::optional<am::Pending<am::Result>> later;
  m.on("AEnd", [&](am::Event& e) { later = e.machine().toggle_async("A"); });
  EXPECT_EQ(m.toggle_async("A").get(), am::Result::executed);
  EXPECT_EQ(later->get(), am::Result::executed);
  EXPECT_TRUE(m.is("A"));
  EXPECT_FALSE(m.is("B"));
}

}  // namespace
