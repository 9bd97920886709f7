#include <am/history.hpp>

#include <am/machine.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

using Texts = std::vector<std::string>;

Texts texts(const am::HistoryTracer& history) {
  Texts all;
  for (const auto& one : history.transitions()) all.push_back(one.text());
  return all;
}

TEST(History, keeps_the_last_transitions_as_values) {
  const auto history = std::make_shared<am::HistoryTracer>(3);
  {
    am::Machine m{{{"A", {}}, {"B", {.require = {"A"}}}}, {.tracers = {history}}};
    EXPECT_FALSE(history->last().has_value());
    m.on("AState", [](am::Event&) {});
    m.add("B");
    m.add("A");
    m.can_add("B");
    m.set("B");
  }
  EXPECT_EQ(texts(*history), (Texts{"add A", "check add B", "set B canceled: B requires A"}));
  const auto first = history->transitions().front();
  EXPECT_EQ(first.id, 2U);
  EXPECT_EQ(first.queue_tick, am::QueueTick{3});
  EXPECT_EQ(first.handlers, Texts{"AState"});
  ASSERT_EQ(first.changes.size(), 1U);
  EXPECT_EQ(first.changes.front(), (am::PastTransition::Change{"A", am::Tick{0}, am::Tick{1}}));
  EXPECT_EQ(history->last()->reason, am::Reason::requirement);
  history->clear();
  EXPECT_TRUE(history->transitions().empty());
}

TEST(History, leaves_out_automatic_states_that_relations_refuse) {
  am::Machine m{{{"A", {}}, {"Auto", {.automatic = true, .require = {"B"}}}, {"B", {}}}};
  const auto history = std::make_shared<am::HistoryTracer>();
  m.trace(history);
  m.add("A");
  m.add("B");
  EXPECT_EQ(texts(*history), (Texts{"add A", "add B", "auto add Auto"}));
}

TEST(History, may_keep_nothing) {
  am::Machine m{{{"A", {}}}};
  const auto history = std::make_shared<am::HistoryTracer>(0);
  m.trace(history);
  m.add("A");
  EXPECT_TRUE(history->transitions().empty());
}

TEST(History, is_read_while_the_machine_runs) {
  am::Machine m{{{"A", {}}}};
  const auto history = std::make_shared<am::HistoryTracer>(8);
  m.trace(history);
  std::atomic<bool> done{false};
  std::thread reader([&] {
    while (!done) {
      std::uint64_t before = 0;
      for (const auto& one : history->transitions()) {
        EXPECT_GT(one.id, before);
        before = one.id;
        EXPECT_EQ(one.called, Texts{"A"});
      }
    }
  });
  for (int i = 0; i < 2'000; ++i) m.toggle("A");
  done = true;
  reader.join();
  EXPECT_EQ(history->transitions().size(), 8U);
  EXPECT_EQ(history->last()->id, 2'000U);
}

}  // namespace
