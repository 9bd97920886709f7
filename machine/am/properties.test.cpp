// Parents, tags, and the functions that a program gives instead of a tracer.
#include <am/machine.hpp>

#include <am/log.hpp>

#include <fmt/format.h>

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using Lines = std::vector<std::string>;

struct Watcher : am::Tracer {
  Lines lines{};
  void machine_init(const am::Api& machine) override { lines.push_back("init " + machine.id()); }
  void submachine(const am::Api& child) override { lines.push_back("child " + child.id()); }
};

TEST(Parent, is_known_by_its_id_and_its_tracers_are_told_of_the_child) {
  const auto watcher = std::make_shared<Watcher>();
  am::Machine parent{{{"A", {}}}, {.id = "parent", .tracers = {watcher}}};
  am::Machine child{{{"A", {}}}, {.id = "child", .parent = parent}};
  const am::Machine grandchild{{{"A", {}}}, {.id = "grandchild", .parent = child}};
  EXPECT_EQ(watcher->lines, (Lines{"init parent", "child child"}));
  EXPECT_EQ(child.parent_id(), "parent");
  EXPECT_EQ(grandchild.parent_id(), "child");
  EXPECT_EQ(parent.parent_id(), "");
}

TEST(Parent, may_be_elsewhere_or_gone) {
  const am::Machine child{{{"A", {}}}, {.parent = "elsewhere"}};
  EXPECT_EQ(child.parent_id(), "elsewhere");
  am::Parent gone;
  {
    const am::Machine parent{{{"A", {}}}, {.id = "gone"}};
    gone = parent;
  }
  EXPECT_EQ(am::Machine({{"A", {}}}, {.parent = gone}).parent_id(), "gone");
}

TEST(Tracers, that_are_options_see_everything) {
  const auto watcher = std::make_shared<Watcher>();
  EXPECT_THROW(am::Machine({{"A", {}}}, {.tracers = {nullptr}}), am::Error);
  { am::Machine m{{{"A", {}}}, {.tracers = {watcher}}}; }
  EXPECT_EQ(watcher.use_count(), 1);
}

TEST(Tags, are_kept_and_replaced) {
  am::Machine m{{{"A", {}}}, {.tags = {"a", "b"}}};
  EXPECT_EQ(m.tags(), (Lines{"a", "b"}));
  m.set_tags({"c"});
  EXPECT_EQ(m.tags(), Lines{"c"});
  am::Machine plain{{{"A", {}}}};
  EXPECT_TRUE(plain.tags().empty());
  plain.set_tags({"x"});
  EXPECT_EQ(plain.tags(), Lines{"x"});
}

TEST(OnError, is_called_for_added_errors_and_for_those_of_handlers) {
  am::Machine m{{{"A", {}}, {"B", {.multi = true}}}};
  Lines errors;
  m.on_error([&](const am::ErrorInfo&) { errors.emplace_back("replaced"); });
  m.on_error([&](const am::ErrorInfo& e) { errors.push_back(e.where + ":" + e.message); });
  m.on("BState", [](am::Event&) { throw std::runtime_error("no"); });
  m.add_error({"bad", "here"});
  m.add("B");
  m.add("A");
  EXPECT_EQ(errors, (Lines{"here:bad", "BState:no"}));
  m.on_error({});
  m.add("B");
  EXPECT_EQ(errors.size(), 2U);
}

TEST(OnChange, is_called_with_the_ticks_before_and_after_each_transition) {
  am::Machine m{{{"A", {}}, {"B", {.require = {"A"}}}}};
  Lines changes;
  m.on_change([&](const am::Time& before, const am::Time& after) {
    changes.push_back(fmt::format("{} > {}", before, after));
  });
  m.add("A");
  m.add("B");
  m.can_remove("A");
  m.remove("A");
  m.add("B");
  EXPECT_EQ(changes, (Lines{"0 0 0 > 1 0 0", "1 0 0 > 1 1 0", "1 1 0 > 2 2 0", "2 2 0 > 2 2 0"}));
}

TEST(OnChange, sees_what_a_rollback_left) {
  am::Machine m{{{"A", {}}, {"B", {}}}};
  m.on("BState", [](am::Event&) { throw std::runtime_error("no"); });
  Lines changes;
  m.on_change([&](const am::Time& before, const am::Time& after) {
    changes.push_back(fmt::format("{} > {}", before, after));
  });
  m.add({"A", "B"});
  EXPECT_EQ(changes, (Lines{"0 0 0 > 1 2 0", "1 2 0 > 1 2 1"}));
}

TEST(OnChange, comes_before_what_automatic_states_do) {
  am::Machine m{{{"A", {.automatic = true}}, {"B", {}}}};
  Lines lines;
  m.on("AnyState", [&](am::Event& e) { lines.push_back(fmt::format("any {}", e.machine())); });
  m.on_change(
      [&](const am::Time&, const am::Time&) { lines.push_back(fmt::format("change {}", m)); });
  m.add("B");
  EXPECT_EQ(lines, (Lines{"any (B:1)", "change (B:1)", "any (A:1 B:1)", "change (A:1 B:1)"}));
}

TEST(Log, has_waits_and_contexts) {
  am::Machine m{{{"A", {}}, {"B", {}}}};
  Lines lines;
  am::attach_log(m, {.level = am::LogLevel::operations,
                     .prefix = am::LogPrefix::none,
                     .sink = [&](am::LogLevel, std::string_view line) {
                       if (line.starts_with("[when") || line.starts_with("[ctx")) {
                         lines.emplace_back(line);
                       }
                     }});
  const auto a = m.when({"A", "B"});
  const auto not_a = m.when_not("A");
  m.add("A");
  const auto token = m.while_active("A");
  m.add("B");
  const auto time = m.when_time("A", am::Tick{2});
  const auto query = m.when_query([](const am::Time& t) { return t[1].value == 2; });
  m.remove("A");
  m.remove("B");
  EXPECT_EQ(lines, (Lines{"[when:new] A B", "[whenNot:new] A", "[whenNot:match] A", "[ctx:new] A",
                          "[when:match] A B", "[whenTime:new] A 2", "[whenQuery:new]",
                          "[ctx:match] A", "[whenTime:match] A 2", "[whenQuery:match]"}));
}

TEST(Inspect, writes_the_given_states_in_the_given_order) {
  am::Machine m{{{"A", {.automatic = true, .require = {"C"}}},
                 {"B", {.multi = true, .add = {"C"}}},
                 {"C", {.after = {"D"}}},
                 {"D", {.add = {"C", "B"}}}}};
  m.set({"A", "C"});
  EXPECT_EQ(am::inspect(m, {"B", "A"}),
            "0 B\n    |Tick     0\n    |Multi    true\n    |Add      C\n"
            "1 A\n    |Tick     1\n    |Auto     true\n    |Require  C\n");
  EXPECT_EQ(am::inspect(m), fmt::format("{:i}", m));
  EXPECT_THROW(am::inspect(m, "X"), am::Error);
}

}  // namespace
