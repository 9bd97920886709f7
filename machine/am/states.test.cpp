#include <am/states.hpp>

#include <am/machine.hpp>

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

AM_STATES(Door, Closed, Open, Locked, Ringing)
AM_STATES(Window, Closed, Open)
AM_STATES(Broken, Exception, Smoking)

namespace house {
AM_STATES(Lamp, Off, On)
struct Room {
  AM_STATES(Heating, Cold, Warm)
};
}  // namespace house

namespace {

AM_STATES(Single, Only)

// 256 names: S00 to Sff.
#define ROW(r) \
  r##0, r##1, r##2, r##3, r##4, r##5, r##6, r##7, r##8, r##9, r##a, r##b, r##c, r##d, r##e, r##f
#define ROWS                                                                                \
  ROW(S0), ROW(S1), ROW(S2), ROW(S3), ROW(S4), ROW(S5), ROW(S6), ROW(S7), ROW(S8), ROW(S9), \
      ROW(Sa), ROW(Sb), ROW(Sc), ROW(Sd), ROW(Se), ROW(Sf)
AM_STATES(Most, ROWS)

// What a compiler knows about a typed id. (Not its name: g++ with -fsanitize=undefined does not
// compare addresses with null at compile time.)
static_assert(Door::Ringing.index() == 3);
static_assert(Door::Open.set() == &Door::set);
static_assert(Door::size == 4);
static_assert(Door::ids[2] == Door::Locked);
static_assert(Door::Closed != Door::Open);

/// Succeeds when `call` throws an `am::Error` whose message contains `text`.
template <class Call>
testing::AssertionResult throws(std::string_view text, Call call) {
  try {
    call();
  } catch (const am::Error& error) {
    if (std::string_view(error.what()).find(text) != std::string_view::npos) {
      return testing::AssertionSuccess();
    }
    return testing::AssertionFailure() << "the message is: " << error.what();
  }
  return testing::AssertionFailure() << "nothing was thrown";
}

using Names = std::vector<std::string>;
using States = std::vector<am::State>;

States states_of(const am::Schema& schema) {
  States states;
  for (const auto& entry : schema.entries()) states.push_back(entry.state);
  return states;
}

Names names_of(const am::Schema& schema) {
  Names names;
  for (const auto& entry : schema.entries()) names.push_back(entry.name.text);
  return names;
}

TEST(States, HaveTheNamesAndTheOrderOfTheirSet) {
  EXPECT_EQ(Door::set.name, "Door");
  EXPECT_EQ(Names(Door::set.names.begin(), Door::set.names.end()),
            (Names{"Closed", "Open", "Locked", "Ringing"}));
  EXPECT_EQ(std::vector(Door::ids.begin(), Door::ids.end()),
            (std::vector{Door::Closed, Door::Open, Door::Locked, Door::Ringing}));
}

TEST(States, KnowTheirNameAndThatTheyAreValid) {
  EXPECT_TRUE(Door::Closed.valid());
  EXPECT_EQ(Door::Locked.name(), "Locked");
  EXPECT_FALSE(am::StateId{}.valid());
  EXPECT_EQ(am::StateId{}.name(), "");
}

TEST(States, OfDifferentSetsAreDifferentThoughTheirNamesAreEqual) {
  EXPECT_FALSE(Door::Open == Window::Open);
}

TEST(States, CanBeDeclaredInNamespacesAndClasses) {
  EXPECT_EQ(house::Lamp::On.name(), "On");
  EXPECT_EQ(house::Room::Heating::set.name, "Heating");
  EXPECT_EQ(Single::size, 1U);
}

TEST(States, CanBe256InOneSet) {
  EXPECT_EQ(Most::size, 256U);
  EXPECT_EQ(Most::S00.index(), 0);
  EXPECT_EQ(Most::Sff.index(), 255);
  EXPECT_EQ(Most::Sff.name(), "Sff");

  am::Machine machine{Most::schema()};
  EXPECT_EQ(machine.add(Most::ids), am::Result::executed);
  for (const am::StateId id : Most::ids) EXPECT_TRUE(machine.is(id)) << id.name();
}

TEST(SchemaOfASet, HasTheOrderOfTheSetWhateverTheOrderOfTheEntries) {
  const auto schema = Door::schema({
      {Door::Ringing, {.multi = true}},
      {Door::Closed, {.remove = {Door::Open}}},
  });
  EXPECT_EQ(names_of(schema), (Names{"Closed", "Open", "Locked", "Ringing"}));
  EXPECT_EQ(states_of(schema), (States{am::State{.remove = {"Open"}}, am::State{}, am::State{},
                                       am::State{.multi = true}}));
  EXPECT_EQ(schema.set(), &Door::set);
}

TEST(SchemaOfASet, HasPlainStatesWhereNothingIsSaid) {
  EXPECT_EQ(states_of(Window::schema()), (States{am::State{}, am::State{}}));
}

TEST(SchemaOfASet, TakesNamesAndIdsSideBySide) {
  const auto schema = Door::schema({{"Locked", {.require = {Door::Closed, "Ringing"}}}});
  EXPECT_EQ(schema.find("Locked")->require, (std::vector<am::StateName>{"Closed", "Ringing"}));
}

TEST(SchemaOfASet, RefusesAStateOfAnotherSet) {
  EXPECT_TRUE(throws("state \"Close\" is not in the set Door (did you mean \"Closed\"?)", [] {
    (void)Door::schema({{"Close", {}}});
  }));
}

TEST(SchemaOfASet, MayDeclareException) {
  am::Machine machine{Broken::schema({{Broken::Exception, {.multi = true}}})};
  EXPECT_EQ(machine.schema().size(), 2U);
  machine.add(Broken::Exception);
  EXPECT_TRUE(machine.is(am::exception_state));
}

TEST(TypedIds, AreTheMachinesOwnWhenItIsMadeFromTheirSet) {
  am::Machine door{Door::schema()};
  EXPECT_EQ(door.state("Locked"), Door::Locked);
  EXPECT_EQ(door.schema().names()[Door::Ringing.index()], "Ringing");
  door.add(Door::Locked);
  EXPECT_TRUE(door.is(Door::Locked));
  EXPECT_TRUE(door.is_not(Door::Closed));
  EXPECT_EQ(door.tick(Door::Locked), am::Tick{1});
}

TEST(TypedIds, FindTheirStatesInAMachineOfAnotherOrder) {
  am::Machine door{{{"Ringing"}, {"Locked"}, {"More"}, {"Open"}, {"Closed"}}};
  for (const am::StateId id : Door::ids) {
    EXPECT_EQ(door.add(id), am::Result::executed);
    EXPECT_TRUE(door.is(id));
    EXPECT_TRUE(door.is(id.name())) << id.name();
  }
  EXPECT_FALSE(door.is("More"));
}

TEST(TypedIds, OfSeveralSetsWorkOnOneMachine) {
  am::Machine machine{{{"Open"}, {"Off"}, {"Closed"}, {"On"}}};
  machine.add({Window::Closed, house::Lamp::On});
  EXPECT_TRUE(machine.is({house::Lamp::On, Window::Closed}));
  EXPECT_FALSE(machine.any({house::Lamp::Off, Window::Open}));
}

TEST(TypedIds, OfTwoSetsWithEqualNamesMeanTheSameState) {
  am::Machine door{Door::schema()};
  door.add(Window::Open);
  EXPECT_TRUE(door.is(Door::Open));
}

TEST(TypedIds, AndNamesCanBeMixedInOneCall) {
  am::Machine door{Door::schema()};
  EXPECT_EQ(door.add({Door::Open, "Ringing"}), am::Result::executed);
  EXPECT_TRUE(door.is({"Open", Door::Ringing}));
  EXPECT_EQ(door.tick("Open"), door.tick(Door::Open));
}

TEST(TypedIds, OfASetWithAStateThatTheMachineLacksThrowAndNameIt) {
  am::Machine door{{{"Closed"}, {"Open"}, {"Locked"}, {"Ring"}}};
  EXPECT_TRUE(throws("the state set Door does not fit this machine, which has no state \"Ringing\"",
                     [&] { door.add(Door::Open); }));
  EXPECT_FALSE(door.is("Open"));
}

TEST(TypedIds, BeyondTheEndOfTheirSetThrowAndAreNotTheInjectedException) {
  am::Machine door{Door::schema()};
  const am::StateId beyond(Door::set, 4);
  EXPECT_TRUE(throws("the state set Door has no index 4", [&] { door.add(beyond); }));
}

TEST(TheInvalidId, ThrowsInEveryCallAndIsNeverStateZero) {
  am::Machine door{Door::schema()};
  const am::StateId invalid;
  constexpr std::string_view text = "an invalid state id (StateId{})";
  EXPECT_TRUE(throws(text, [&] { door.add(invalid); }));
  EXPECT_TRUE(throws(text, [&] { door.remove({Door::Open, invalid}); }));
  EXPECT_TRUE(throws(text, [&] { (void)door.is(invalid); }));
  EXPECT_TRUE(throws(text, [&] { (void)door.any({Door::Open, invalid}); }));
  EXPECT_TRUE(throws(text, [&] { (void)door.tick(invalid); }));
  EXPECT_TRUE(throws(text, [&] { (void)door.when(invalid); }));
  EXPECT_TRUE(throws(text, [&] { door.on_state(invalid, [](am::Event&) {}); }));
  EXPECT_EQ(door.tick(Door::Closed), am::Tick{0});
}

}  // namespace
