#include <am/breakpoint.hpp>

#include <am/log.hpp>
#include <am/machine.hpp>

#include <gtest/gtest.h>

#include <csignal>
#include <string>
#include <vector>

namespace {

struct Hits {
  int count = 0;
  am::Breakpoint on(am::Breakpoint breakpoint) {
    breakpoint.hit = [this](const am::QueuedMutation&) { ++count; };
    return breakpoint;
  }
};

TEST(Breakpoint, is_hit_once_by_each_mutation_with_exactly_its_states) {
  am::Machine m{{{"A", {}}, {"B", {}}}};
  Hits hits;
  const auto id = am::break_on(m, hits.on({.added = {"A"}, .removed = {"B"}}));
  std::vector<std::string> lines;
  am::attach_log(m,
                 {.prefix = am::LogPrefix::none,
                  .sink = [&](am::LogLevel, std::string_view line) { lines.emplace_back(line); }});
  m.add("A");
  EXPECT_EQ(hits.count, 1);
  m.remove("B");
  EXPECT_EQ(hits.count, 2);
  m.remove("A");
  m.add({"A", "B"});
  m.set("A");
  m.can_add("A");
  EXPECT_EQ(hits.count, 2);
  EXPECT_EQ(std::count(lines.begin(), lines.end(), "[breakpoint] Machine.breakpoint"), 2);
  EXPECT_TRUE(m.detach(id));
  m.add("A");
  EXPECT_EQ(hits.count, 2);
}

TEST(Breakpoint, may_leave_out_mutations_that_do_not_matter) {
  am::Machine m{{{"A", {}}, {"B", {}}}};
  Hits hits;
  am::break_on(m, hits.on({.added = {"A"},
                           .removed = {"B"},
                           .set = {"B"},
                           .when = am::Breakpoint::When::it_matters}));
  m.add("A");
  EXPECT_EQ(hits.count, 1);
  m.add("A");
  m.remove("B");
  EXPECT_EQ(hits.count, 1);
  m.set("B");
  EXPECT_EQ(hits.count, 2);
  m.set("B");
  EXPECT_EQ(hits.count, 2);
}

TEST(Breakpoint, is_checked_when_it_is_made) {
  am::Machine m{{{"A", {}}}};
  EXPECT_THROW(am::break_on(m, {}), am::Error);
  EXPECT_THROW(am::break_on(m, {.added = {"X"}}), am::Error);
}

TEST(Breakpoint, raises_a_trap_without_a_function) {
  static volatile std::sig_atomic_t traps = 0;
  const auto before = std::signal(SIGTRAP, [](int) { traps = traps + 1; });
  am::Machine m{{{"A", {}}}};
  am::break_on(m, {.added = {"A"}});
  m.add("A");
  EXPECT_EQ(traps, 1);
  std::signal(SIGTRAP, before);
}

}  // namespace
