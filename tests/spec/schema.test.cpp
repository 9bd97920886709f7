// Specification 12.3: schema and relations.
#include "support.hpp"

#include <am/testing.hpp>

#include <gtest/gtest.h>

namespace {

using am::Result;
using spec::order;
using spec::text;
using spec::tick;

TEST(Cleaning, DropsAStatesOwnNameAndLetsAddBeatRemove) {
  const am::CompiledSchema s(
      am::Schema{{"A", {.add = {"C"}, .remove = {"A", "B", "C"}, .after = {"A"}}}, {"B"}, {"C"}});
  EXPECT_EQ(s.state(0).remove, std::vector<am::StateName>{"B"});
  EXPECT_EQ(s.state(0).add, std::vector<am::StateName>{"C"});
  EXPECT_TRUE(s.state(0).after.empty());
}

TEST(Cleaning, LetsAddBeatRemoveOfARequiredState) {
  const am::CompiledSchema s(
      am::Schema{{"A", {.require = {"B"}, .add = {"B"}, .remove = {"B"}}}, {"B"}});
  EXPECT_TRUE(s.state(0).remove.empty());
}

TEST(After, OrdersHandlersAndPairsOfBothDirections) {
  auto m =
      spec::machine({{"A", {.after = {"B"}}}, {"B"}, {"C", {.after = {"D"}}}, {"D"}}, {"A", "B"});
  spec::Handlers handlers(m, spec::recorded);
  m.set({"C", "D"});
  EXPECT_TRUE(m.is({"C", "D"}));
  EXPECT_EQ(handlers.called(),
            "BExit AExit DEnter CEnter BD BC AD AC AnyEnter BEnd AEnd DState CState AnyState");
}

TEST(Require, OrdersHandlers) {
  am::Machine m{{{"A", {.automatic = true, .require = {"B", "C"}}},
                 {"B", {.automatic = true, .require = {"D"}}},
                 {"C", {.automatic = true}},
                 {"D", {.automatic = true}},
                 {"Start"}}};
  spec::Handlers handlers(m, "AState BState CState DState AnyEnter AnyState");
  m.add("Start");
  EXPECT_TRUE(m.is({"A", "B", "C", "D", "Start"}));
  EXPECT_EQ(handlers.called(), "AnyEnter AnyState AnyEnter DState BState CState AState AnyState");
}

am::Schema with(am::Schema::Entry entry, am::Schema::Entry other = {}) {
  std::vector<am::Schema::Entry> entries;
  for (const auto* name : {"A", "B", "C", "D"}) {
    if (entry.name.text == name) {
      entries.push_back(entry);
    } else if (other.name.text == name) {
      entries.push_back(other);
    } else {
      entries.push_back({name});
    }
  }
  return am::Schema(std::move(entries));
}

TEST(RemoveRelation, DeactivatesTheOther) {
  auto m = spec::machine(with({"C", {.remove = {"D"}}}), {"D"});
  spec::Handlers handlers(m, "CEnter CState DExit DEnd DC AnyEnter AnyState");
  m.add("C");
  EXPECT_EQ(order(m), "C");
  EXPECT_EQ(handlers.called(), "DExit CEnter DC AnyEnter DEnd CState AnyState");
}

TEST(RemoveRelation, CancelsACallOfBoth) {
  auto m = spec::machine(with({"C", {.remove = {"D"}}}), {"D"});
  const am::testing::Recorder seen(m);
  EXPECT_EQ(m.set({"C", "D"}), (Result{Result::canceled, am::Reason::relation}));
  EXPECT_EQ(seen.difference({"set C D canceled: D is removed by C"}), "");
  EXPECT_EQ(order(m), "D");
}

TEST(RemoveRelation, OfEachOtherSwaps) {
  const auto fresh = [] {
    return spec::machine(with({"C", {.remove = {"D"}}}, {"D", {.remove = {"C"}}}), {"D"});
  };
  auto set = fresh();
  set.set("C");
  EXPECT_EQ(order(set), "C");
  set.set("D");
  EXPECT_EQ(order(set), "D");
  auto add = fresh();
  add.add("C");
  EXPECT_EQ(order(add), "C");
  add.add("D");
  EXPECT_EQ(order(add), "D");
  EXPECT_EQ(tick(add, "D"), 3U);
  EXPECT_EQ(tick(add, "C"), 2U);
}

TEST(AddRelation, IsNotMandatory) {
  am::Machine m{with({"A", {.remove = {"D"}}}, {"C", {.add = {"D"}}})};
  m.set("C");
  EXPECT_TRUE(m.is({"C", "D"}));
  m.set({"A", "C"});
  EXPECT_TRUE(m.is({"A", "C"}));
  EXPECT_EQ(tick(m, "D"), 2U);
}

TEST(RequireRelation, OrdersTheActiveStates) {
  auto m = spec::machine(with({"C", {.require = {"D"}}}), {"A"});
  m.set({"C", "D"});
  EXPECT_EQ(order(m), "D C");
}

TEST(RequireRelation, CancelsWithoutTheRequiredState) {
  auto m = spec::machine(with({"C", {.require = {"D"}}}), {"A"});
  const am::testing::Recorder seen(m);
  EXPECT_EQ(m.set({"C", "A"}), (Result{Result::canceled, am::Reason::requirement}));
  EXPECT_EQ(seen.difference({"set C A canceled: C requires D"}), "");
  EXPECT_EQ(order(m), "A");
}

TEST(RemovingAnImpliedState, OfAMultiStateKeepsItOut) {
  auto m = spec::machine(
      {{"A", {.multi = true, .require = {"C"}, .add = {"B"}}}, {"B", {.require = {"C"}}}, {"C"}},
      {"A", "B", "C"});
  m.remove("B");
  EXPECT_TRUE(m.is({"A", "C"}));
  EXPECT_TRUE(m.is_not("B"));
  EXPECT_EQ(tick(m, "B"), 2U);
}

TEST(RemoveRelation, OfAStateThatDoesNotComeBlocksNothing) {
  am::Machine m{{{"A", {.remove = {"B"}}}, {"B", {.remove = {"A"}}}, {"Z", {.add = {"B"}}}}};
  spec::Handlers handlers(m);
  m.set("Z");
  EXPECT_TRUE(m.is({"Z", "B"}));
  EXPECT_EQ(handlers.called(), "ZEnter BEnter AnyEnter ZState BState AnyState");
}

TEST(RemoveRelation, OfAStateThatIsRemovedItselfBlocksNothing) {
  am::Machine m{{{"Wet", {.require = {"Water"}}},
                 {"Dry", {.remove = {"Wet"}}},
                 {"Water", {.add = {"Wet"}, .remove = {"Dry"}}}}};
  m.set("Dry");
  m.set("Water");
  EXPECT_TRUE(m.is({"Water", "Wet"}));
  EXPECT_EQ(tick(m, "Dry"), 2U);
}

TEST(Checks, FollowRelationsAndChangeNothing) {
  am::Machine m{spec::related_schema()};
  EXPECT_EQ(m.can_add("A"), Result::canceled);
  EXPECT_EQ(m.can_add("C"), Result::executed);
  EXPECT_EQ(order(m), "");
}

TEST(SchemaErrors, AreThrownForRelationsToUnknownStates) {
  for (const auto& state : {am::State{.require = {"Zz"}}, am::State{.add = {"Yy"}},
                            am::State{.remove = {"Xx"}}, am::State{.after = {"Ww"}}}) {
    EXPECT_THROW(am::CompiledSchema(am::Schema{{"A", state}}), am::Error);
  }
}

TEST(SchemaErrors, AreThrownForAStateThatIsRequiredAndRemoved) {
  EXPECT_THROW(am::CompiledSchema(am::Schema{{"A", {.require = {"B"}, .remove = {"B"}}}, {"B"}}),
               am::Error);
}

TEST(RequireCycles, NeedAllOfTheirStatesAtOnce) {
  am::Machine m{{{"A", {.require = {"B"}}}, {"B", {.require = {"A"}}}}};
  EXPECT_EQ(m.add("A"), Result::canceled);
  EXPECT_EQ(m.add({"A", "B"}), Result::executed);
}

TEST(RequireCycles, OfOneStateAreNoObstacle) {
  am::Machine m{{{"A", {.require = {"A"}}}}};
  EXPECT_EQ(m.add("A"), Result::executed);
}

TEST(HandlerNames, AreReadAsStatesAndKinds) {
  am::Machine m{{{"A"}, {"B"}}};
  for (const auto* name :
       {"AState", "AEnter", "AExit", "AEnd", "AB", "AA", "AnyEnter", "AnyState"}) {
    EXPECT_NO_THROW(m.on(name, [](am::Event&) {})) << name;
  }
  for (const auto* name : {"QState", "State", "Zz", "AnyB", "BAny", "StateState", ""}) {
    EXPECT_THROW(m.on(name, [](am::Event&) {}), am::Error) << name;
  }
}

TEST(Prefix, RenamesStatesAndTheirRelations) {
  const auto s = am::Schema{{"A", {.add = {"B"}}}, {"B"}, {"PreC", {.add = {"A"}}}}.prefix(
      "Pre", {.keep_prefixed = true});
  EXPECT_EQ(s, (am::Schema{{"PreA", {.add = {"PreB"}}}, {"PreB"}, {"PreC", {.add = {"PreA"}}}}));
}

TEST(StateDefinitions, AreExtendedAndReplaced) {
  const am::State s{.automatic = true, .add = {"B"}, .remove = {"A"}};
  const auto extended = s.extend({.multi = true, .remove = {"C"}});
  EXPECT_EQ(extended.remove, (std::vector<am::StateName>{"A", "C"}));
  EXPECT_TRUE(extended.automatic);
  const auto set = s.set_relations({.remove = {"C"}});
  EXPECT_EQ(set.remove, std::vector<am::StateName>{"C"});
  EXPECT_TRUE(set.automatic);
}

TEST(Relations, OfAStateAreListed) {
  const am::CompiledSchema s(
      am::Schema{{"A", {.automatic = true, .require = {"B"}, .add = {"B"}}}, {"B"}});
  EXPECT_EQ(s.relations_of("A"),
            (std::vector<am::Relation>{am::Relation::add, am::Relation::require}));
}

TEST(Relations, BetweenStatesAreListed) {
  using enum am::Relation;
  const am::CompiledSchema s(am::Schema{{"A", {.add = {"B", "C"}, .after = {"B"}}},
                                        {"B", {.add = {"A"}, .remove = {"C"}}},
                                        {"C", {.after = {"D"}}},
                                        {"D", {.require = {"A"}}}});
  EXPECT_EQ(s.relations_between("A", "B"), (std::vector<am::Relation>{add, after}));
  EXPECT_EQ(s.relations_between("B", "C"), std::vector<am::Relation>{remove});
  EXPECT_EQ(s.relations_between("C", "D"), std::vector<am::Relation>{after});
  EXPECT_EQ(s.relations_between("D", "A"), std::vector<am::Relation>{require});
  EXPECT_THROW((void)s.relations_between("Nope", "A"), am::Error);
  EXPECT_THROW((void)s.relations_between("A", "Nope"), am::Error);
}

}  // namespace
