// Specification 12.2: activity, mutations, queries.
#include "support.hpp"

#include <gtest/gtest.h>

namespace {

using am::Result;
using spec::order;
using spec::plain;
using spec::text;
using spec::tick;

TEST(Activity, OfOneStateIsSet) {
  auto m = plain();
  m.set("A");
  EXPECT_TRUE(m.is("A"));
  EXPECT_EQ(order(m), "A");
}

TEST(Activity, OfAnAddedStateComesFirst) {
  auto m = plain({"A"});
  EXPECT_EQ(m.add("B"), Result::executed);
  EXPECT_EQ(order(m), "B A");
  EXPECT_EQ(text(m), "(A:1 B:1) [C:0 D:0 Exception:0]");
}

TEST(Schema, NamesItsStatesAndException) {
  auto m = plain({"A"});
  EXPECT_EQ(fmt::format("{}", fmt::join(m.schema().names(), " ")), "A B C D Exception");
}

TEST(Set, ReplacesWhatIsActive) {
  auto m = plain({"A"});
  m.set("B");
  EXPECT_EQ(order(m), "B");
  EXPECT_EQ(tick(m, "A"), 2U);
}

TEST(Remove, DeactivatesOneState) {
  auto m = plain({"B", "C"});
  m.remove("C");
  EXPECT_EQ(order(m), "B");
  EXPECT_EQ(tick(m, "C"), 2U);
}

TEST(UnknownStates, ThrowInEveryMutationAndRead) {
  auto m = plain({"A"});
  EXPECT_THROW(m.set("E"), am::Error);
  EXPECT_THROW(m.add("E"), am::Error);
  EXPECT_THROW((void)m.is("E"), am::Error);
  EXPECT_THROW((void)m.is_not("E"), am::Error);
  EXPECT_THROW((void)m.tick("E"), am::Error);
  EXPECT_FALSE(m.schema().find("E"));
  EXPECT_EQ(m.queue_tick().value, 2U);
}

TEST(Toggle, AddsAndRemovesInBothForms) {
  auto one = plain();
  one.toggle("A");
  EXPECT_TRUE(one.is("A"));
  one.toggle("A");
  EXPECT_FALSE(one.is("A"));
  auto list = plain();
  list.toggle({"A"});
  EXPECT_TRUE(list.is("A"));
  list.toggle({"A"});
  EXPECT_FALSE(list.is("A"));
}

TEST(Toggle, CompletesWhatIsPartlyActiveFirst) {
  auto m = plain({"A"});
  m.toggle({"A", "B"});
  EXPECT_TRUE(m.is({"A", "B"}));
  m.toggle({"A", "B"});
  EXPECT_TRUE(m.is_not({"A", "B"}));
}

TEST(Is, NeedsAllOfItsStates) {
  auto m = plain({"A", "B"});
  EXPECT_TRUE(m.is({"A", "B"}));
  EXPECT_FALSE(m.is({"A", "B", "C"}));
}

TEST(IsNot, NeedsNoneOfItsStates) {
  auto m = plain({"A", "B"});
  EXPECT_FALSE(m.is_not({"A", "B"}));
  EXPECT_FALSE(m.is_not({"A", "B", "C"}));
  EXPECT_TRUE(m.is_not("D"));
}

TEST(Any, NeedsOneOfItsStates) {
  auto m = plain({"A", "B"});
  EXPECT_TRUE(m.any({"A", "C"}));
  EXPECT_FALSE(m.any({"C", "D"}));
  EXPECT_FALSE(m.any("C"));
}

TEST(Find, TellsWhichStatesThereAre) {
  auto m = plain();
  for (const auto* name : {"A", "B", "C", "D", "Exception"}) EXPECT_TRUE(m.schema().find(name));
  EXPECT_FALSE(m.schema().find("Err"));
}

TEST(Time, CountsEveryChange) {
  am::Machine m{{{"A"}, {"B", {.multi = true}}, {"C"}, {"D"}}};
  std::vector<std::string> seen;
  auto last = m.time();
  const auto note = [&] {
    const auto now = m.time();
    for (std::size_t i = 0; i < now.size(); ++i) EXPECT_GE(now[i], last[i]);
    EXPECT_NE(now, last);
    seen.push_back(fmt::format("{}{}{}{}", now[0].value, now[1].value, now[2].value, now[3].value));
    last = now;
  };
  m.add({"A", "B"}), note();
  m.add({"A", "B"}), note();
  m.add({"A", "B", "C"}), note();
  m.set("D"), note();
  m.add({"D", "C"}), note();
  m.remove({"B", "C"}), note();
  m.add({"A", "B"}), note();
  m.add("C"), note();
  EXPECT_EQ(seen, (std::vector<std::string>{"1100", "1300", "1510", "2621", "2631", "2641", "3741",
                                            "3751"}));
  EXPECT_EQ(m.time().sum(), 16U);
}

TEST(Time, EqualsItselfUntilSomethingChanges) {
  auto m = plain();
  const auto before = m.time();
  EXPECT_EQ(m.time(), before);
  m.add({"A", "B"});
  EXPECT_NE(m.time(), before);
}

TEST(TextForms, FollowTheIndexOrder) {
  auto m = plain({"B", "A"});
  EXPECT_EQ(fmt::format("{}", m), "(A:1 B:1)");
  EXPECT_EQ(fmt::format("{:a}", m), "(A:1 B:1) [C:0 D:0 Exception:0]");
}

am::Schema inspected() {
  return {{"Exception", {.multi = true}},
          {"A", {.automatic = true, .require = {"C"}}},
          {"B", {.multi = true, .add = {"C"}}},
          {"C", {.after = {"D"}}},
          {"D", {.add = {"C", "B"}}}};
}

TEST(Inspect, ShowsPropertiesAndRelations) {
  auto m = spec::machine(inspected(), {"A", "C"});
  EXPECT_EQ(fmt::format("{:i}", m),
            "0 Exception\n"
            "    |Tick     0\n"
            "    |Multi    true\n"
            "1 A\n"
            "    |Tick     1\n"
            "    |Auto     true\n"
            "    |Require  C\n"
            "0 B\n"
            "    |Tick     0\n"
            "    |Multi    true\n"
            "    |Add      C\n"
            "1 C\n"
            "    |Tick     1\n"
            "    |After    D\n"
            "0 D\n"
            "    |Tick     0\n"
            "    |Add      C B\n");
}

TEST(Inspect, FollowsTheMachineStepByStep) {
  auto m = spec::machine(inspected(), {"A", "C"});
  m.remove("C");
  EXPECT_EQ(text(m), "() [Exception:0 A:2 B:0 C:2 D:0]");
  m.add("B");
  EXPECT_EQ(text(m), "(A:3 B:1 C:3) [Exception:0 D:0]");
  EXPECT_EQ(order(m), "B C A");
  m.add("D");
  EXPECT_EQ(text(m), "(A:3 B:1 C:3 D:1) [Exception:0]");
  EXPECT_EQ(order(m), "D B C A");
  m.add("B");
  EXPECT_EQ(tick(m, "B"), 3U);
  EXPECT_EQ(order(m), "B D C A");
}

TEST(Ticks, AreActiveWhenTheyAreOdd) {
  EXPECT_TRUE(am::Tick{1}.active());
  EXPECT_FALSE(am::Tick{0}.active());
  EXPECT_FALSE(am::Tick{6548734}.active());
  EXPECT_TRUE(am::Tick{6548735}.active());
}

TEST(TimeVectors, ReadAsZeroBeyondTheirEnd) {
  const am::Time t{{am::Tick{2}, am::Tick{1}, am::Tick{3}}};
  EXPECT_TRUE(t[1].active());
  EXPECT_FALSE(t[0].active());
  const volatile std::size_t beyond = 9;  // g++ would warn of the branch that is not taken
  EXPECT_EQ(t[beyond], am::Tick{0});
  EXPECT_EQ(t.sum(), 6U);
}

TEST(Requirements, KeepAStateOut) {
  am::Machine m{{{"Foo", {.require = {"Bar"}}}, {"Bar"}}};
  EXPECT_EQ(m.add("Foo"), Result::canceled);
  EXPECT_FALSE(m.is("Foo"));
}

TEST(EmptyLists, AreTrueForAllAndNoneAndRunAsMutations) {
  auto m = plain({"A", "B"});
  const am::StateList none;
  EXPECT_TRUE(m.is(none));
  EXPECT_TRUE(m.is_not(none));
  EXPECT_FALSE(m.any(none));
  EXPECT_EQ(m.set(none), Result::executed);
  EXPECT_EQ(order(m), "");
  EXPECT_EQ(m.add(none), Result::executed);
  EXPECT_EQ(m.remove(none), Result::executed);
}

TEST(DuplicateNames, CountOnce) {
  auto m = plain();
  EXPECT_EQ(m.add({"A", "A"}), Result::executed);
  EXPECT_EQ(tick(m, "A"), 1U);
}

TEST(QueueTicks, GrowWithMutationsThatChangeNothingAndNotWithChecks) {
  auto m = plain({"A"});
  EXPECT_EQ(m.queue_tick().value, 2U);
  EXPECT_EQ(m.can_add("B"), Result::executed);
  EXPECT_EQ(m.queue_tick().value, 2U);
  EXPECT_EQ(m.add("A"), Result::executed);
  EXPECT_EQ(m.queue_tick().value, 3U);
  EXPECT_EQ(text(m), "(A:1) [B:0 C:0 D:0 Exception:0]");
}

TEST(Remove, OfAnInactiveStateIsAWholeTransition) {
  auto m = plain({"A"});
  spec::Handlers handlers(m, spec::recorded);
  EXPECT_EQ(m.remove("C"), Result::executed);
  EXPECT_EQ(handlers.called(), "AnyEnter AnyState");
  EXPECT_EQ(m.time().sum(), 1U);
}

TEST(MultiStates, TickTwiceWhenTheyAreCalledAgain) {
  auto m = spec::machine({{"M", {.multi = true}}, {"A"}}, {"M"});
  m.add("M");
  EXPECT_EQ(tick(m, "M"), 3U);
  m.set("M");
  EXPECT_EQ(tick(m, "M"), 5U);
  m.set({"A", "M"});
  EXPECT_EQ(tick(m, "M"), 7U);
}

TEST(MultiStates, AreNotActivatedAgainWhenTheyAreImplied) {
  auto m = spec::machine({{"M", {.multi = true}}, {"A", {.add = {"M"}}}}, {"M"});
  spec::Handlers handlers(m);
  m.add("A");
  EXPECT_EQ(tick(m, "M"), 1U);
  EXPECT_EQ(handlers.count("MEnter"), 0U);
}

}  // namespace
