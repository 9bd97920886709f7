#include "program.hpp"

#include "temporary_file.hpp"

#include <gtest/gtest.h>

#include <sstream>
#include <string>

namespace conformance {
namespace {

struct Output {
  int status = 0;
  std::string text{};
  std::string last_line{};
};

Output run_program(const Options& options) {
  std::ostringstream out;
  const int status = run(options, out);
  auto text = out.str();
  EXPECT_TRUE(text.ends_with('\n'));
  const auto before = text.size() < 2 ? std::string::npos : text.rfind('\n', text.size() - 2);
  const auto begin = before == std::string::npos ? 0 : before + 1;
  return {status, text, text.substr(begin, text.size() - begin - 1)};
}

/// A case that expects a tick which is not there.
std::string wrong_case(const std::string& id) {
  auto text = empty_case(id);
  const auto at = text.find("\"ticks\":[0]");
  return text.replace(at, 11, "\"ticks\":[1]");
}

TEST(Program, SucceedsWhenAllCasesPass) {
  const TemporaryFile one(empty_case("a") + "\n" + empty_case("b") + "\n");
  const TemporaryFile two(empty_case("a") + "\n");
  const auto output = run_program({.files = {one.path(), two.path()}});
  EXPECT_EQ(output.status, 0);
  EXPECT_EQ(output.text, "3 passed, 0 failed\n");
}

TEST(Program, FailsWhenOneCaseFails) {
  const TemporaryFile file(empty_case("a") + "\n" + wrong_case("b") + "\n");
  const auto output = run_program({.files = {file.path()}});
  EXPECT_EQ(output.status, 1);
  EXPECT_EQ(output.text, file.path() +
                             ":2: case b (plain): step 1 set()\n"
                             "    ticks\n"
                             "      expected  [Exception:1]\n"
                             "      got       [Exception:0]\n"
                             "1 passed, 1 failed\n");
}

TEST(Program, FailsWhenNoCaseRan) {
  const TemporaryFile file("\n");
  const auto output = run_program({.files = {file.path()}});
  EXPECT_EQ(output.status, 1);
  EXPECT_EQ(output.text, "no case in these files\n0 passed, 0 failed\n");
}

TEST(Program, CountsABadLineAsFailed) {
  const TemporaryFile file(empty_case("a") + "\n{}\n" + empty_case("b") + "\n");
  const auto output = run_program({.files = {file.path()}});
  EXPECT_EQ(output.status, 1);
  EXPECT_EQ(output.text, file.path() + ":2: \"id\" is missing\n2 passed, 1 failed\n");
}

TEST(Program, CountsAMissingFileAsFailed) {
  const TemporaryFile file(empty_case("a"));
  const auto output = run_program({.files = {"/nowhere/v.jsonl", file.path()}});
  EXPECT_EQ(output.status, 1);
  EXPECT_EQ(output.text,
            "/nowhere/v.jsonl: cannot open: No such file or directory\n1 passed, 1 failed\n");
}

TEST(Program, ShowsAsManyFailuresAsItIsTold) {
  std::string content;
  for (int i = 0; i < 13; ++i) content += wrong_case("c" + std::to_string(i)) + "\n";
  const TemporaryFile file(content);

  const auto ten = run_program({.files = {file.path()}});
  EXPECT_NE(ten.text.find("case c9 "), std::string::npos);
  EXPECT_EQ(ten.text.find("case c10 "), std::string::npos);
  EXPECT_NE(ten.text.find("\n3 more failures are not shown"), std::string::npos);
  EXPECT_EQ(ten.last_line, "0 passed, 13 failed");

  const auto none = run_program({.files = {file.path()}, .max_failures = 0});
  EXPECT_EQ(none.text,
            "13 more failures are not shown (--max-failures)\n"
            "0 passed, 13 failed\n");
}

TEST(Program, TracesTheCaseThatItIsAskedFor) {
  const TemporaryFile file(wrong_case("a") + "\n" + empty_case("b") + "\n");
  const auto output = run_program({.files = {file.path()}, .only = "b"});
  EXPECT_EQ(output.status, 0);
  EXPECT_EQ(output.text,
            "case b (plain)\n"
            "  states    Exception\n"
            "step 1 set()\n"
            "  result    executed\n"
            "  ticks     0\n"
            "  tx        =\n"
            "1 passed, 0 failed\n");
  EXPECT_EQ(run_program({.files = {file.path()}, .only = "a"}).status, 1);
}

TEST(Program, FailsWhenItHasNoCaseThatItIsAskedFor) {
  const TemporaryFile file(empty_case("a"));
  const auto output = run_program({.files = {file.path()}, .only = "x"});
  EXPECT_EQ(output.status, 1);
  EXPECT_EQ(output.text, "no case \"x\" in these files\n0 passed, 0 failed\n");
}

}  // namespace
}  // namespace conformance
