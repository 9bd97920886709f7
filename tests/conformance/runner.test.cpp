#include "runner.hpp"

#include <gtest/gtest.h>

#include <string>

namespace conformance {
namespace {

/// B refuses to leave, and A, once active, removes B.
Case small_case() {
  return parse_case(R"({"id":"n1","class":"nested","states":["B","Exception","A"],
    "schema":{"A":{},"B":{}},"rejects":["BExit"],"nested":{"AState":{"op":"remove","states":["B"]}},
    "steps":[
     {"op":"add","states":["B"],"result":"executed","active":["B"],"ticks":[1,0,0],
      "handlers":["BEnter","AnyEnter","BState","AnyState"],"tx":["+B"],"nres":[]},
     {"op":"toggle","states":["A"],"result":"executed","active":["A","B"],"ticks":[1,0,1],
      "handlers":["AEnter","BB","BA","AnyEnter","AState","AnyState","BExit"],"tx":["+A","-B!"],
      "nres":[4]}]})");
}

/// "step field" of each difference.
Names titles(const std::vector<Difference>& differences) {
  Names list;
  for (const auto& difference : differences) {
    list.push_back(std::to_string(difference.step) + " " + difference.field);
  }
  return list;
}

TEST(Runner, FindsNothingWhenAllFactsHold) { EXPECT_EQ(titles(run_case(small_case())), Names{}); }

TEST(Runner, SeesAWrongFactOfEveryKind) {
  for (const auto& [name, list] : fields) {
    auto test = small_case();
    (test.steps[1].expected.*list).push_back("wrong");
    EXPECT_EQ(titles(run_case(test)), Names{std::string("2 ") + name});
  }
}

TEST(Runner, SeesAMissingFactOfEveryKind) {
  for (const auto& [name, list] : fields) {
    auto test = small_case();
    (test.steps[1].expected.*list).pop_back();
    EXPECT_EQ(titles(run_case(test)), Names{std::string("2 ") + name});
  }
}

TEST(Runner, SeesAWrongOrderOfStates) {
  const auto observed = observe(small_case());
  auto test = small_case();
  std::swap(test.states[0], test.states[1]);
  const auto differences = compare(test, observed);
  EXPECT_EQ(titles(differences), Names{"0 states"});
  EXPECT_EQ(differences[0].expected, (Names{"Exception", "B", "A"}));
  EXPECT_EQ(differences[0].got, (Names{"B", "Exception", "A"}));
}

TEST(Runner, SeesAWrongCycleFlag) {
  auto test = small_case();
  test.cyclic = true;
  EXPECT_EQ(titles(run_case(test)), Names{"0 cyc"});
}

TEST(Runner, NamesTheStatesOfTicks) {
  auto test = small_case();
  test.steps[0].expected.ticks[2] = "5";
  const auto differences = run_case(test);
  ASSERT_EQ(differences.size(), 1U);
  EXPECT_EQ(differences[0].expected, (Names{"B:1", "Exception:0", "A:5"}));
  EXPECT_EQ(differences[0].got, (Names{"B:1", "Exception:0", "A:0"}));
}

TEST(Runner, BindsNothingInPlainCases) {
  auto test = small_case();
  test.kind = CaseClass::plain;
  EXPECT_EQ(observe(test).steps[0].handlers, Names{});
}

TEST(Runner, ReportsASchemaThatTheMachineRefuses) {
  auto test = small_case();
  test.schema = am::Schema{{"A", {.require = {"B"}, .remove = {"B"}}}, {"B", {}}};
  const auto differences = run_case(test);
  EXPECT_EQ(titles(differences), Names{"1 error"});
  EXPECT_NE(differences[0].got[0].find("both requires and removes"), std::string::npos);
}

TEST(Runner, ReportsACallThatTheMachineRefuses) {
  auto test = small_case();
  test.steps[1].mutation.states = {"Nowhere"};
  const auto differences = run_case(test);
  EXPECT_EQ(titles(differences), Names{"2 error"});
  EXPECT_NE(differences[0].got[0].find("Nowhere"), std::string::npos);
}

TEST(Runner, EndsACaseInWhichHandlersCallForever) {
  auto test = small_case();
  test.nested = {{"AnyState", {Op::toggle, {"A"}}}};
  EXPECT_EQ(observe(test).steps[0].nres.size(), max_nested_calls);
}

}  // namespace
}  // namespace conformance
