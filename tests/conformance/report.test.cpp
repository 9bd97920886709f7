#include "report.hpp"

#include <gtest/gtest.h>

#include <string>

namespace conformance {
namespace {

Case small_case() {
  return parse_case(R"({"id":"h1","class":"handlers","fixed":true,"states":["A","B","Exception"],
    "schema":{"A":{"multi":true,"require":["B"]},"B":{"auto":true}},
    "steps":[
     {"op":"add","states":["B"],"result":"executed","active":["B"],"ticks":[0,1,0],
      "handlers":["BEnter","AnyEnter","BState","AnyState"],"tx":["+B"]},
     {"op":"set","states":[],"result":"executed","active":[],"ticks":[0,2,0],
      "handlers":["BExit","AnyEnter","BEnd","AnyState"],"tx":["="]}]})");
}

TEST(Report, ShowsTheFirstStepThatDiffers) {
  const std::vector<Difference> differences{{1, "result", {"canceled"}, {"executed"}},
                                            {1, "ticks", {"A:0", "B:0"}, {"A:0", "B:1"}},
                                            {2, "active", {"A"}, {}}};
  EXPECT_EQ(report(small_case(), differences),
            "case h1 (handlers): step 1 add(B)\n"
            "    result\n"
            "      expected  [canceled]\n"
            "      got       [executed]\n"
            "    ticks: item 2 differs (2 expected, 2 got)\n"
            "      expected  A:0 [B:0]\n"
            "      got       A:0 [B:1]\n"
            "    and 1 more in later steps\n");
}

TEST(Report, ShowsOnlyTheVicinityInLongLists) {
  Names expected;
  for (int i = 0; i < 100; ++i) expected.push_back(std::to_string(i));
  auto got = expected;
  got[50] = "x";
  EXPECT_EQ(report(small_case(), {{2, "handlers", expected, got}}),
            "case h1 (handlers): step 2 set()\n"
            "    handlers: item 51 differs (100 expected, 100 got)\n"
            "      expected  ... 44 45 46 47 48 49 [50] 51 52 53 54 55 56 57 58 59 60 61 ...\n"
            "      got       ... 44 45 46 47 48 49 [x] 51 52 53 54 55 56 57 58 59 60 61 ...\n");
}

TEST(Report, MarksTheEndOfAListThatIsTooShort) {
  EXPECT_EQ(report(small_case(), {{0, "states", {"A", "B"}, {"A"}}}),
            "case h1 (handlers): schema\n"
            "    states: item 2 differs (2 expected, 1 got)\n"
            "      expected  A [B]\n"
            "      got       A [end]\n");
  EXPECT_EQ(report(small_case(), {{1, "tx", {}, {"+B"}}}),
            "case h1 (handlers): step 1 add(B)\n"
            "    tx\n"
            "      expected  [end]\n"
            "      got       [+B]\n");
}

TEST(Report, SaysWhatTheMachineThrew) {
  EXPECT_EQ(report(small_case(), {{1, "error", {}, {"no such thing"}}}),
            "case h1 (handlers): step 1 add(B)\n"
            "    error: the machine threw: no such thing\n");
}

TEST(Report, IsEmptyWithoutDifferences) { EXPECT_EQ(report(small_case(), {}), ""); }

TEST(Report, TracesTheWholeCase) {
  auto test = small_case();
  test.rejects = {"BExit"};
  EXPECT_EQ(trace(test, observe(test)),
            "case h1 (handlers, fixed)\n"
            "  states    A B Exception\n"
            "  A         multi require=B\n"
            "  B         auto\n"
            "  rejects   BExit\n"
            "step 1 add(B)\n"
            "  result    executed\n"
            "  active    B\n"
            "  ticks     0 1 0\n"
            "  handlers  BEnter AnyEnter BState AnyState\n"
            "  tx        +B\n"
            "step 2 set()\n"
            "  result    canceled\n"
            "  active    B\n"
            "  ticks     0 1 0\n"
            "  handlers  BExit\n"
            "  tx        =!\n"
            "    result\n"
            "      expected  [executed]\n"
            "      got       [canceled]\n"
            "    active\n"
            "      expected  [end]\n"
            "      got       [B]\n"
            "    ticks: item 2 differs (3 expected, 3 got)\n"
            "      expected  A:0 [B:2] Exception:0\n"
            "      got       A:0 [B:1] Exception:0\n"
            "    handlers: item 2 differs (4 expected, 1 got)\n"
            "      expected  BExit [AnyEnter] BEnd AnyState\n"
            "      got       BExit [end]\n"
            "    tx\n"
            "      expected  [=]\n"
            "      got       [=!]\n");
}

}  // namespace
}  // namespace conformance
