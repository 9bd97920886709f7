#include <am/schema.hpp>

#include <am/machine.hpp>

#include <gtest/gtest.h>

#include <string>
#include <vector>

AM_STATES(Gate, Closed, Opening, Open)

namespace {

using am::Schema;
using am::State;
using Names = std::vector<am::StateName>;

Names names_of(const Schema& schema) {
  Names names;
  for (const auto& entry : schema.entries()) names.push_back(entry.name);
  return names;
}

TEST(MergedSchemas, TakeTheLaterDefinitionWhole) {
  const Schema first{{"A", {.multi = true, .add = {"B"}}}, {"B"}};
  const Schema later{{"C"}, {"A", {.remove = {"C"}}}};
  const auto merged = first.merge(later);
  EXPECT_EQ(merged, (Schema{{"A", {.remove = {"C"}}}, {"B"}, {"C"}}));
  EXPECT_EQ(first.find("A")->add, Names{"B"}) << "the original is as it was";
}

TEST(MergedSchemas, AreTheOtherOneWhereOneIsEmpty) {
  const auto gate = Gate::schema({{Gate::Open, {.remove = {Gate::Closed}}}});
  EXPECT_EQ(Schema{}.merge(gate), gate);
  EXPECT_EQ(Schema{}.merge(gate).set(), &Gate::set);
  EXPECT_EQ(gate.merge({}), gate);
}

TEST(MergedSchemas, KeepTheTypedSetOfTheFirst) {
  const auto merged = Gate::schema().merge(Schema{{"Lamp"}});
  EXPECT_EQ(merged.set(), &Gate::set);
  am::Machine machine{merged};
  machine.add({Gate::Open, "Lamp"});
  EXPECT_TRUE(machine.is({Gate::Open, "Lamp"}));
}

TEST(MergedSchemas, TakeTheLaterGroupWhole) {
  const auto a = Schema{{"A"}, {"B"}}.group("G", {"A"}).group("H", {"B"});
  const auto b = Schema{}.group("G", {"B"});
  EXPECT_EQ(a.merge(b).groups(), (std::vector<am::Group>{{"G", {"B"}}, {"H", {"B"}}}));
  EXPECT_EQ(a.extend(b).groups(), (std::vector<am::Group>{{"G", {"A", "B"}}, {"H", {"B"}}}));
}

TEST(AnExtendedState, HasTheFlagsAndRelationsOfBoth) {
  const State state{.automatic = true, .add = {"B"}, .remove = {"A"}, .tags = {"mine"}};
  const State more{.multi = true, .remove = {"C", "A", "C"}, .tags = {"theirs"}};
  EXPECT_EQ(
      state.extend(more),
      (State{
          .automatic = true, .multi = true, .add = {"B"}, .remove = {"A", "C"}, .tags = {"mine"}}));
}

TEST(AnExtendedState, NeverLosesAFlag) {
  EXPECT_TRUE((State{.automatic = true, .multi = true}).extend({}).automatic);
  EXPECT_TRUE((State{.automatic = true, .multi = true}).extend({}).multi);
}

TEST(SetRelations, ReplacesTheListsThatAreGiven) {
  const State state{.automatic = true, .add = {"B"}, .remove = {"A"}, .tags = {"mine"}};
  EXPECT_EQ(state.set_relations({.multi = true, .remove = {"C"}}),
            (State{.automatic = true, .add = {"B"}, .remove = {"C"}, .tags = {"mine"}}));
}

TEST(ExtendedSchemas, PutTheRelationsOfBothTogether) {
  const Schema base{{"A", {.require = {"B"}}}, {"B"}};
  EXPECT_EQ(base.extend({{"A", {.multi = true, .add = {"C"}}}, {"C"}}),
            (Schema{{"A", {.multi = true, .require = {"B"}, .add = {"C"}}}, {"B"}, {"C"}}));
}

TEST(APrefix, RenamesStatesAndWhatTheirRelationsName) {
  const Schema schema{{"A", {.require = {"B"}, .add = {"B"}, .after = {"B"}}},
                      {"B", {.remove = {"A"}}}};
  EXPECT_EQ(schema.prefix("Pre"),
            (Schema{{"PreA", {.require = {"PreB"}, .add = {"PreB"}, .after = {"PreB"}}},
                    {"PreB", {.remove = {"PreA"}}}}));
}

TEST(APrefix, IsKeptWhereItIsIfAskedForAndThatIsDecidedNameByName) {
  const Schema schema{{"A", {.add = {"B", "PreC"}}}, {"B"}, {"PreC", {.add = {"A"}}}};
  EXPECT_EQ(schema.prefix("Pre", {.keep_prefixed = true}),
            (Schema{{"PreA", {.add = {"PreB", "PreC"}}}, {"PreB"}, {"PreC", {.add = {"PreA"}}}}));
  EXPECT_EQ(names_of(schema.prefix("Pre")), (Names{"PreA", "PreB", "PrePreC"}));
}

TEST(APrefix, LeavesExceptionAlone) {
  const Schema schema{{"Exception", {.multi = true}}, {"Err", {.require = {"Exception"}}}};
  EXPECT_EQ(schema.prefix("Pre"),
            (Schema{{"Exception", {.multi = true}}, {"PreErr", {.require = {"Exception"}}}}));
}

TEST(APrefix, TakesOnlyTheStatesThatAreAskedFor) {
  const auto schema = Schema{{"A", {.add = {"B"}}}, {"B"}, {"C"}}.group("G", {"A", "B"});
  EXPECT_EQ(names_of(schema.prefix("P", {.only = {"A", "C"}})), (Names{"PA", "PC"}));
  EXPECT_EQ(names_of(schema.prefix("P", {.except = {"A"}})), (Names{"PB", "PC"}));
  EXPECT_EQ(names_of(schema.prefix("P", {.only = {"A", "B"}, .except = {"A"}})), (Names{"PB"}));
  EXPECT_EQ(schema.prefix("P", {.only = {"A"}}).groups(), (std::vector<am::Group>{{"PG", {"PA"}}}));
  // What is left out can be there when this is merged with something; until then it is unknown.
  EXPECT_EQ(schema.prefix("P", {.only = {"A"}}).find("PA")->add, Names{"PB"});
  EXPECT_TRUE(schema.prefix("P", {.only = {"A"}}).without_unknown().find("PA")->add.empty());
}

TEST(Tags, SelectStates) {
  const Schema schema{
      {"A", {.tags = {"slow"}}}, {"B", {.tags = {"slow:2"}}}, {"C", {.tags = {"slower", "blue"}}}};
  EXPECT_EQ(names_of(schema.filter_by_tag("slow")), (Names{"A"}));
  EXPECT_EQ(schema.states_by_tag("slow"), (std::vector<std::string>{"A", "B"}));
  EXPECT_TRUE(schema.states_by_tag("green").empty());
  EXPECT_EQ(schema.find("A")->tag_value("slow"), "slow");
  EXPECT_EQ(schema.find("B")->tag_value("slow"), "2");
  EXPECT_EQ(schema.find("C")->tag_value("slow"), std::nullopt);
  EXPECT_TRUE(schema.find("C")->has_tag("blue"));
}

TEST(AdjacentStates, AreThoseThatRelationsName) {
  const Schema schema{
      {"A", {.require = {"R"}, .add = {"D", "B"}, .remove = {"M"}, .after = {"F"}}}};
  EXPECT_EQ(schema.adjacent("A"), (Names{"D", "B", "F", "R", "M"}));
  EXPECT_TRUE(schema.adjacent("Nope").empty());
}

TEST(ExclusiveStates, RemoveEachOther) {
  EXPECT_EQ(am::exclusive({"A", "B", "C"}), (Schema{{"A", {.remove = {"B", "C"}}},
                                                    {"B", {.remove = {"A", "C"}}},
                                                    {"C", {.remove = {"A", "B"}}}}));
}

TEST(ExclusiveStates, AreAddedToDefinitionsByIdToo) {
  const auto schema = Gate::schema({{Gate::Open, {.multi = true}}})
                          .extend(am::exclusive("Position", {Gate::Closed, Gate::Open}));
  am::Machine machine{schema};
  machine.add(Gate::Closed);
  machine.add(Gate::Opening);
  EXPECT_EQ(machine.add(Gate::Open), am::Result::executed);
  EXPECT_EQ(machine.active_states(), (std::vector<std::string_view>{"Open", "Opening"}));
  EXPECT_EQ(schema.groups(), (std::vector<am::Group>{{"Position", {"Closed", "Open"}}}));
  EXPECT_TRUE(machine.schema().state(Gate::Open.index()).multi);
}

TEST(ExclusiveStates, OfOneListCanBeWrittenInALiteral) {
  const Names one{"A", "B"};
  am::Machine machine{{{"A", {.remove = one}}, {"B", {.remove = one}}}};
  machine.add("A");
  machine.add("B");
  EXPECT_EQ(machine.active_states(), std::vector<std::string_view>{"B"});
}

}  // namespace
