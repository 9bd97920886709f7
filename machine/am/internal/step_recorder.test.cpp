#include <am/internal/step_recorder.hpp>

#include <am/machine.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
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

/// Says what a transition's steps leave out.
struct Auditor : am::Tracer {
  Lines faults{};
  std::size_t seen = 0;

  bool wants_steps() const noexcept override { return true; }
  void transition_end(const am::Transition& t) override {
    using Type = am::Step::Type;
    ++seen;
    const auto told = [&](am::StateIndex state, std::initializer_list<Type> types) {
      return std::ranges::any_of(t.steps, [&](const am::Step& step) {
        return std::ranges::find(types, step.type) != types.end() &&
               (step.to == state || step.from == state);
      });
    };
    const auto require = [&](bool holds, const char* what, am::StateIndex state) {
      if (!holds) faults.push_back(fmt::format("{} {} in\n{}", what, t.name(state), t));
    };
    for (const auto s : t.called) require(told(s, {Type::called}), "not called:", s);
    if (t.accepted) {
      for (const auto s : t.enters) {
        const bool again = std::ranges::find(t.before, s) != t.before.end();
        require(again || told(s, {Type::activate}), "enters unseen:", s);
      }
      for (const auto s : t.exits) {
        require(told(s, {Type::deactivate, Type::deactivate_passive}), "exits unseen:", s);
      }
      return;
    }
    for (const auto s : t.called) {
      const bool kept_out = std::ranges::find(t.targets, s) == t.targets.end();
      require(!kept_out || told(s, {Type::cancel}), "kept out unseen:", s);
    }
  }
};

TEST(Steps, explain_every_state_that_comes_goes_or_is_kept_out) {
  std::mt19937 random(20);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  for (int round = 0; round < 300; ++round) {
    const auto size = 3 + below(7);
    const auto name = [](std::size_t i) { return fmt::format("S{}", i); };
    std::vector<am::Schema::Entry> entries;
    for (std::size_t i = 0; i < size; ++i) {
      am::State state{.automatic = below(5) == 0, .multi = below(5) == 0};
      for (std::size_t other = 0; other < size; ++other) {
        if (other == i) continue;
        switch (below(12)) {
          case 0: state.require.emplace_back(name(other)); break;
          case 1: state.add.emplace_back(name(other)); break;
          case 2: state.remove.emplace_back(name(other)); break;
          case 3: state.after.emplace_back(name(other)); break;
          default: break;
        }
      }
      entries.push_back({name(i), state});
    }
    am::Machine m{am::Schema(entries)};
    const auto auditor = std::make_shared<Auditor>();
    m.trace(auditor);
    for (int step = 0; step < 10; ++step) {
      const std::vector<std::string> called{name(below(size)), name(below(size))};
      switch (below(3)) {
        case 0: m.add(called); break;
        case 1: m.remove(called); break;
        default: m.set(called); break;
      }
    }
    EXPECT_GE(auditor->seen, 10U);
    ASSERT_EQ(auditor->faults, Lines{}) << "round " << round;
  }
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
