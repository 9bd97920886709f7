#include <am/counters.hpp>

#include <am/machine.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>

namespace {

TEST(Counters, count_what_a_machine_does) {
  am::Machine m{{{"A", {}},
                 {"B", {.require = {"A"}}},
                 {"C", {}},
                 {"D", {}},
                 {"Auto", {.automatic = true, .require = {"A"}}}}};
  m.on("AState", [](am::Event& e) {
    e.machine().add("C");
    e.machine().add("C");
    e.machine().add("D");
  });
  m.on("DEnter", [](am::Event&) { return false; });
  const auto counting = std::make_shared<am::CountingTracer>();
  m.trace(counting);
  EXPECT_EQ(counting->counters(), am::Counters{});
  m.add("B");      // requires A
  m.add("A");      // and Auto, C, D
  m.can_add("D");  // refused
  m.on("CExit", [](am::Event&) { throw std::runtime_error("no"); });
  m.remove("C");
  const auto counts = counting->counters();
  EXPECT_EQ(counts.transitions, 8U);
  EXPECT_EQ(counts.automatic, 1U);
  EXPECT_EQ(counts.checks, 1U);
  EXPECT_EQ(counts.canceled, 4U);
  EXPECT_EQ(counts.canceled_for(am::Reason::requirement), 1U);
  EXPECT_EQ(counts.canceled_for(am::Reason::handler), 2U);
  EXPECT_EQ(counts.canceled_for(am::Reason::error), 1U);
  EXPECT_EQ(counts.changed_states, 4U);
  EXPECT_EQ(counts.handler_calls, 4U);
  EXPECT_EQ(counts.errors, 1U);
  EXPECT_EQ(counts.mutations_queued, 8U);
  EXPECT_EQ(counts.mutations_waited, 4U);
  EXPECT_EQ(counts.mutations_skipped, 1U);
  EXPECT_EQ(counts.longest_queue, 3U);
  EXPECT_EQ(counts.queue_ends, 4U);
}

TEST(Counters, count_what_a_snapshot_brings) {
  am::Machine source{{{"A", {}}, {"B", {}}}, {.id = "me"}};
  source.add({"A", "B"});
  am::Machine m{{{"A", {}}, {"B", {}}}, {.id = "me"}};
  const auto counting = std::make_shared<am::CountingTracer>();
  m.trace(counting);
  m.restore(source.save());
  const auto counts = counting->counters();
  EXPECT_EQ(counts.restores, 1U);
  EXPECT_EQ(counts.changed_states, 2U);
  EXPECT_EQ(counts.transitions, 0U);
}

}  // namespace
