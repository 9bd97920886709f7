#include "vector_file.hpp"

#include "temporary_file.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

#include <string>
#include <vector>

namespace conformance {
namespace {

/// Each line as "number id" or "number problem".
std::vector<std::string> lines_of(const std::string& path) {
  std::vector<std::string> lines;
  VectorFile file(path);
  while (const auto line = file.next()) {
    lines.push_back(std::to_string(line->number) + " " +
                    (line->test ? line->test->id : line->problem));
  }
  EXPECT_FALSE(file.next()) << "the end stays the end";
  return lines;
}

std::string compressed(const std::string& content) {
  const TemporaryFile file("");
  auto* out = gzopen(file.path().c_str(), "wb");
  gzwrite(out, content.data(), static_cast<unsigned>(content.size()));
  gzclose(out);
  std::ifstream in(file.path(), std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

using Lines = std::vector<std::string>;

TEST(VectorFile, YieldsTheCasesInOrder) {
  const TemporaryFile file(empty_case("a") + "\n" + empty_case("b") + "\n");
  EXPECT_EQ(lines_of(file.path()), (Lines{"1 a", "2 b"}));
}

TEST(VectorFile, ReadsALastLineWithoutItsEnd) {
  const TemporaryFile file(empty_case("a") + "\r\n\n  \n" + empty_case("b"));
  EXPECT_EQ(lines_of(file.path()), (Lines{"1 a", "4 b"}));
}

TEST(VectorFile, ReadsCompressedFiles) {
  std::string content;
  Lines expected;
  for (int i = 1; i <= 2000; ++i) {  // larger than the reader's buffer
    content += empty_case("c" + std::to_string(i)) + "\n";
    expected.push_back(std::to_string(i) + " c" + std::to_string(i));
  }
  const TemporaryFile file(compressed(content));
  EXPECT_EQ(lines_of(file.path()), expected);
}

TEST(VectorFile, HasNothingToSayAboutAnEmptyFile) {
  EXPECT_EQ(lines_of(TemporaryFile("").path()), Lines{});
  EXPECT_EQ(lines_of(TemporaryFile("\n\n").path()), Lines{});
}

TEST(VectorFile, GoesOnAfterABadLine) {
  const TemporaryFile file(empty_case("a") + "\n[]\n" + empty_case("b") + "\n");
  EXPECT_EQ(lines_of(file.path()), (Lines{"1 a", "2 array instead of an object", "3 b"}));
}

TEST(VectorFile, RefusesTheSameIdTwice) {
  const TemporaryFile file(empty_case("a") + "\n" + empty_case("a") + "\n");
  EXPECT_EQ(lines_of(file.path()), (Lines{"1 a", "2 case a is in this file twice"}));
}

TEST(VectorFile, SaysWhyItCannotOpenAFile) {
  EXPECT_EQ(lines_of("/nowhere/vectors.jsonl"), Lines{"0 cannot open: No such file or directory"});
}

TEST(VectorFile, SaysWhyItCannotReadAFolder) {
  const auto lines = lines_of("/");
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_NE(lines[0].find("Is a directory"), std::string::npos) << lines[0];
}

TEST(VectorFile, NoticesThatACompressedFileIsCutOff) {
  std::string content;
  for (int i = 1; i <= 2000; ++i) content += empty_case("c" + std::to_string(i)) + "\n";
  auto bytes = compressed(content);
  for (const auto size : {bytes.size() - 1, bytes.size() - 9, bytes.size() / 2}) {
    const TemporaryFile file(bytes.substr(0, size));
    const auto lines = lines_of(file.path());
    ASSERT_FALSE(lines.empty());
    EXPECT_NE(lines.back().find("cannot read"), std::string::npos) << size << ": " << lines.back();
  }
}

TEST(VectorFile, NoticesDamageInACompressedFile) {
  auto bytes = compressed(empty_case("a") + "\n" + empty_case("b") + "\n");
  bytes[bytes.size() - 6] = static_cast<char>(bytes[bytes.size() - 6] + 1);  // the checksum
  const auto lines = lines_of(TemporaryFile(bytes).path());
  ASSERT_FALSE(lines.empty());
  EXPECT_NE(lines.back().find("cannot read"), std::string::npos) << lines.back();
}

TEST(VectorFile, RefusesALineThatIsTooLong) {
  auto longest = empty_case("a");
  longest.resize(max_line, ' ');
  EXPECT_EQ(lines_of(TemporaryFile(longest + "\n").path()), Lines{"1 a"});
  const TemporaryFile file(empty_case("b") + "\n" + longest + " \n" + empty_case("c"));
  EXPECT_EQ(lines_of(file.path()), (Lines{"1 b", "2 longer than 16777216 bytes"}));
}

}  // namespace
}  // namespace conformance
