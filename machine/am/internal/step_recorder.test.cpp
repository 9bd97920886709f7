#include <am/internal/step_recorder.hpp>

#include <am/machine.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace {

using Lines = std::vector<std::string>;

struct StepTracer : am::Tracer {
  std::vector<Lines> transitions{};
  std::string text{};

  bool wants_steps() const noexcept override { return true; }
  void transition_end(const am::Transition& t) override {
    Lines lines;
    for (const auto& step : t.steps) lines.push_back(am::to_string(step, *t.schema));
    transitions.push_back(lines);
    text = am::to_string(t);
  }
};

TEST(Steps, tell_how_a_transition_came_about) {
  am::Machine m{{{"A", {.add = {"B"}, .remove = {"D"}}},
                 {"B", {.after = {"A"}}},
                 {"C", {.require = {"A"}}},
                 {"D", {}},
                 {"E", {.require = {"F"}}},
                 {"F", {}}}};
  m.set({"D", "F"});
  for (const auto* name :
       {"AEnter", "AState", "DExit", "DEnd", "FF", "FA", "AnyEnter", "AnyState"}) {
    m.on(name, [](am::Event&) {});
  }
  const auto tracer = std::make_shared<StepTracer>();
  m.trace(tracer);
  m.add({"A", "C"});
  EXPECT_EQ(tracer->transitions.at(0),
            (Lines{"called **A**",        "called **C**",       "activate **A**",
                   "activate **C**",      "**A** add **B**",    "activate **B**",
                   "**C** require **A**", "**A** remove **D**", "deactivate **D**",
                   "**A** add **B**",     "activate **B**",     "**C** require **A**",
                   "**A** after **B**",   "handler **D**Exit",  "handler **A**Enter",
                   "handler **F****F**",  "handler **F****A**", "handler **Any**Enter",
                   "handler **D**End",    "handler **A**State", "handler **Any**State"}));
}

TEST(Steps, stand_in_the_text_of_a_transition) {
  am::Machine m{{{"A", {}}, {"B", {}}, {"C", {}}, {"D", {}}}};
  m.set("A");
  m.trace(std::make_shared<StepTracer>());
  std::string text;
  m.on("AExit", [](am::Event&) {});
  m.on("DEnter", [&](am::Event& e) { text = am::to_string(e.transition()); });
  m.set("D");
  EXPECT_EQ(text,
            "tx#2\n[set] D\n- called **D**\n- activate **D**\n- deactivate **A**\n"
            "- handler **A**Exit\n- handler **D**Enter");
}

TEST(Steps, name_what_was_kept_out_and_by_what) {
  am::Machine m{{{"A", {.require = {"B"}}}, {"B", {}}, {"C", {.remove = {"D"}}}, {"D", {}}}};
  m.add("C");
  const auto tracer = std::make_shared<StepTracer>();
  m.trace(tracer);
  m.add("A");
  m.add("D");
  m.remove("C");
  EXPECT_EQ(tracer->transitions.at(0),
            (Lines{"called **A**", "activate **A**", "**A** require **B**",
                   "deactivate-passive **A**", "cancel **B**", "cancel **A**"}));
  EXPECT_EQ(tracer->transitions.at(1),
            (Lines{"called **D**", "activate **D**", "**C** remove **D**",
                   "deactivate-passive **D**", "cancel **D**"}));
  EXPECT_EQ(tracer->transitions.at(2), (Lines{"called **C**", "deactivate **C**"}));
}

TEST(Steps, are_recorded_only_while_somebody_wants_them) {
  am::Machine m{{{"A", {}}}};
  std::size_t steps = 0;
  m.on("AState", [&](am::Event& e) { steps = e.transition().steps.size(); });
  m.add("A");
  EXPECT_EQ(steps, 0U);
  m.remove("A");
  const auto id = m.trace(std::make_shared<StepTracer>());
  m.add("A");
  EXPECT_EQ(steps, 3U);
  m.remove("A");
  m.detach(id);
  m.add("A");
  EXPECT_EQ(steps, 0U);
}

TEST(Steps, have_names) {
  using Type = am::Step::Type;
  Lines names;
  for (const auto type : {Type::relation, Type::handler, Type::activate, Type::deactivate,
                          Type::deactivate_passive, Type::called, Type::cancel}) {
    names.emplace_back(am::to_string(type));
  }
  EXPECT_EQ(names, (Lines{"rel", "handler", "activate", "deactivate", "deactivate-passive",
                          "called", "cancel"}));
  names.clear();
  for (const auto relation :
       {am::Relation::after, am::Relation::add, am::Relation::require, am::Relation::remove}) {
    names.emplace_back(am::to_string(relation));
  }
  EXPECT_EQ(names, (Lines{"after", "add", "require", "remove"}));
}

}  // namespace
