#include "case.hpp"

#include <gtest/gtest.h>

#include <string>

namespace conformance {
namespace {

constexpr auto valid = R"({"id":"n1","class":"nested","cyc":true,"states":["A","Exception","B"],
  "schema":{"A":{"auto":true,"require":["B"]},"B":{"multi":true,"add":["A"],"after":["A"]}},
  "rejects":["AB"],"nested":{"BState":{"op":"toggle","states":["A"]}},
  "steps":[{"op":"canadd","states":["B","B"],"result":"canceled","active":[],"ticks":[0,0,2],
            "handlers":["BEnter"],"tx":["?+B!"],"nres":[0,3]}]})";

/// `valid` with the first `from` replaced.
std::string with(const std::string& from, const std::string& to) {
  std::string text = valid;
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

/// What is wrong with `text`; empty when nothing is.
std::string problem_of(const std::string& text) {
  try {
    parse_case(text);
  } catch (const CaseError& error) {
    return error.what();
  }
  return {};
}

TEST(Case, HoldsAllThatItsLineSays) {
  const auto test = parse_case(valid);
  EXPECT_EQ(test.id, "n1");
  EXPECT_EQ(test.kind, CaseClass::nested);
  EXPECT_TRUE(test.cyclic);
  EXPECT_FALSE(test.fixed);
  EXPECT_EQ(test.states, (Names{"A", "Exception", "B"}));
  EXPECT_EQ(test.rejects, Names{"AB"});
  ASSERT_TRUE(test.nested.contains("BState"));
  EXPECT_EQ(to_string(test.nested.at("BState")), "toggle(A)");
  ASSERT_EQ(test.steps.size(), 1U);
  EXPECT_EQ(to_string(test.steps[0].mutation), "canadd(B,B)");
  const auto& facts = test.steps[0].expected;
  EXPECT_EQ(facts.result, Names{"canceled"});
  EXPECT_EQ(facts.active, Names{});
  EXPECT_EQ(facts.ticks, (Names{"0", "0", "2"}));
  EXPECT_EQ(facts.handlers, Names{"BEnter"});
  EXPECT_EQ(facts.tx, Names{"?+B!"});
  EXPECT_EQ(facts.nres, (Names{"0", "3"}));
}

TEST(Case, DeclaresExceptionWhereItStands) {
  const am::Schema expected{{"A", {.automatic = true, .require = {"B"}}},
                            {"Exception", {.multi = true}},
                            {"B", {.multi = true, .add = {"A"}, .after = {"A"}}}};
  EXPECT_EQ(parse_case(valid).schema, expected);
}

TEST(Case, LeavesTheLastExceptionToTheMachine) {
  const auto test = parse_case(with(R"("Exception","B")", R"("B","Exception")"));
  EXPECT_EQ(test.schema.find("Exception"), nullptr);
  EXPECT_EQ(test.schema.entries().size(), 2U);
}

TEST(Case, KeepsADeclaredException) {
  const auto test = parse_case(with(R"("schema":{)", R"("schema":{"Exception":{"auto":true},)"));
  ASSERT_NE(test.schema.find("Exception"), nullptr);
  EXPECT_TRUE(test.schema.find("Exception")->automatic);
  EXPECT_FALSE(test.schema.find("Exception")->multi);
}

TEST(Case, RefusesFieldsThatItDoesNotKnow) {
  EXPECT_EQ(problem_of(with(R"("id")", R"("extra":1,"id")")), "unknown field \"extra\"");
  EXPECT_EQ(problem_of(with(R"("op":"canadd")", R"("op":"canadd","time":1)")),
            "step 1: unknown field \"time\"");
  EXPECT_EQ(problem_of(with(R"("auto")", R"("automatic")")),
            "schema: A: unknown field \"automatic\"");
  EXPECT_EQ(problem_of(with(R"({"op":"toggle",)", R"({"args":1,"op":"toggle",)")),
            "nested: BState: unknown field \"args\"");
}

TEST(Case, RefusesFactsThatItsClassDoesNotHave) {
  constexpr auto plain = R"({"id":"p","class":"plain","states":["Exception"],"schema":{},"steps":[
    {"op":"set","states":[],"result":"executed","active":[],"ticks":[0],"tx":["="])";
  EXPECT_EQ(problem_of(std::string(plain) + "}]}"), "");
  EXPECT_EQ(problem_of(std::string(plain) + R"(,"handlers":[]}]})"),
            "step 1: unknown field \"handlers\"");
  EXPECT_EQ(problem_of(std::string(plain) + R"(,"nres":[]}]})"), "step 1: unknown field \"nres\"");
  EXPECT_EQ(problem_of(std::string(plain) + R"(}],"rejects":[]})"), "unknown field \"rejects\"");
  EXPECT_EQ(problem_of(std::string(plain) + R"(}],"nested":{}})"), "unknown field \"nested\"");
}

TEST(Case, RefusesToMissAFact) {
  for (const auto* field : {"id", "class", "schema", "nested", "steps"}) {
    const auto key = '"' + std::string(field) + '"';
    EXPECT_NE(problem_of(with(key, "\"cyc\"")), "") << field;
  }
  for (const std::string field : {"op", "result", "active", "ticks", "tx", "handlers", "nres"}) {
    // The last one in the text: "op" is also in the nested action.
    std::string text = valid;
    const auto at = text.rfind('"' + field + '"');
    ASSERT_NE(at, std::string::npos);
    text.replace(at, field.size() + 2, "\"x\"");
    EXPECT_EQ(problem_of(text), "step 1: \"" + field + "\" is missing");
  }
}

TEST(Case, NamesTheFieldOfAWrongType) {
  EXPECT_EQ(problem_of(with(R"("n1")", "1")), "id: number instead of a string");
  EXPECT_EQ(problem_of(with(R"("cyc":true)", R"("cyc":1)")),
            "cyc: number instead of true or false");
  EXPECT_EQ(problem_of(with(R"(["A","Exception","B"])", "{}")), "states: object instead of a list");
  EXPECT_EQ(problem_of(with("[0,0,2]", "[0,-1,2]")),
            "step 1: ticks[1]: -1 instead of an integer from 0");
  EXPECT_EQ(problem_of(with("[0,0,2]", "[0,1.0,2]")),
            "step 1: ticks[1]: 1.0 instead of an integer from 0");
  EXPECT_EQ(problem_of(with("[0,3]", R"(["0"])")),
            "step 1: nres[0]: \"0\" instead of an integer from 0");
  EXPECT_EQ(problem_of(with(R"(["?+B!"])", "[null]")), "step 1: tx[0]: null instead of a string");
  EXPECT_EQ(problem_of(with(R"({"auto":true,"require":["B"]})", "[]")),
            "schema: A: array instead of an object");
  EXPECT_EQ(problem_of("[]"), "array instead of an object");
}

TEST(Case, RefusesUnknownWords) {
  EXPECT_EQ(problem_of(with("canadd", "flip")), "step 1: op: unknown: \"flip\"");
  EXPECT_EQ(problem_of(with(R"("nested")", R"("wild")")), "class: unknown: \"wild\"");
  EXPECT_EQ(problem_of(with("canceled", "queued")), "step 1: result: unknown: \"queued\"");
}

TEST(Case, RefusesStatesAndHandlersThatItDoesNotHave) {
  EXPECT_EQ(problem_of(with(R"(["B","B"])", R"(["X"])")),
            "step 1: states: \"X\" is not one of the case's states");
  EXPECT_EQ(problem_of(with(R"("after":["A"])", R"("after":["X"])")),
            "schema: B: after: \"X\" is not one of the case's states");
  EXPECT_EQ(problem_of(with(R"("A":{"auto":true,"require":["B"]},)", "")),
            "schema: \"A\" of states is missing");
  EXPECT_EQ(problem_of(with(R"("schema":{)", R"("schema":{"X":{},)")),
            "schema: \"X\" is not one of the case's states");
  EXPECT_EQ(problem_of(with(R"("Exception")", R"("C")")), "states: \"Exception\" is missing");
  EXPECT_EQ(problem_of(with(R"(["A","Exception","B"])", R"(["A","Exception","A"])")),
            "states: \"A\" is given twice");
  EXPECT_EQ(problem_of(with("[0,0,2]", "[0,0]")), "step 1: ticks: 2 ticks for 3 states");
  EXPECT_EQ(problem_of(with(R"(["AB"])", R"(["BState"])")),
            "rejects: \"BState\" is no such handler of these states");
  EXPECT_EQ(problem_of(with("BState", "XState")),
            "nested: \"XState\" is no such handler of these states");
}

TEST(Case, RefusesBrokenJson) {
  EXPECT_EQ(problem_of("{").substr(0, 8), "not JSON");
  EXPECT_EQ(problem_of(std::string(valid) + "{}").substr(0, 8), "not JSON");
  EXPECT_EQ(problem_of(with(R"("cyc":true)", R"("id":"n2")")), "\"id\" is given twice");
  EXPECT_NE(problem_of(with(R"("steps":[{)", R"("steps":[],"unused":[{)")), "");
}

TEST(Case, ListsEveryHandlerOnce) {
  EXPECT_EQ(join(negotiation_handlers({"A", "B"}), " "),
            "AEnter AExit AA AB BEnter BExit BA BB AnyEnter");
  EXPECT_EQ(join(final_handlers({"A", "B"}), " "), "AState AEnd BState BEnd AnyState");
}

}  // namespace
}  // namespace conformance
