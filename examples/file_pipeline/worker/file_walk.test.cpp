#include "worker/file_walk.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include <stdlib.h>

namespace file_pipeline {
namespace {

namespace fs = std::filesystem;

class FileWalkTest : public testing::Test {
 protected:
  FileWalkTest() {
    std::string name = fs::temp_directory_path() / "file-walk-test-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw fs::filesystem_error("mkdtemp", {});
    folder = name;
  }
  ~FileWalkTest() override { fs::remove_all(folder); }

  std::set<std::string> found(std::size_t limit = 100) const {
    std::set<std::string> names;
    walk(folder, limit, going_on.get_token(), [&](const fs::path& path) {
      EXPECT_TRUE(names.insert(path.lexically_relative(folder)).second) << path;
    });
    return names;
  }

  fs::path folder;
  std::stop_source going_on;
};

TEST_F(FileWalkTest, FindsNothingInAnEmptyFolder) { EXPECT_EQ(found(), std::set<std::string>{}); }

TEST_F(FileWalkTest, FindsFilesInFoldersOfFolders) {
  fs::create_directories(folder / "a/b");
  fs::create_directories(folder / "empty");
  for (const char* name : {"1", "a/2", "a/b/3"}) std::ofstream(folder / name) << name;
  EXPECT_EQ(found(), (std::set<std::string>{"1", "a/2", "a/b/3"}));
}

TEST_F(FileWalkTest, FollowsLinksToFilesOnly) {
  fs::create_directories(folder / "a");
  std::ofstream(folder / "a/1") << "1";
  fs::create_symlink("1", folder / "a/link");
  fs::create_symlink("nowhere", folder / "a/dangling");
  fs::create_directory_symlink("..", folder / "a/loop");
  EXPECT_EQ(found(), (std::set<std::string>{"a/1", "a/link", "a/dangling"}));
}

TEST_F(FileWalkTest, EndsAtTheLimit) {
  fs::create_directories(folder / "a");
  for (const char* name : {"1", "2", "3", "a/4", "a/5"}) std::ofstream(folder / name) << name;
  EXPECT_EQ(found(4).size(), 4U);
  EXPECT_EQ(found(5).size(), 5U);
}

TEST_F(FileWalkTest, EndsWhenItIsStopped) {
  std::ofstream(folder / "1") << "1";
  going_on.request_stop();
  EXPECT_EQ(found(), std::set<std::string>{});
}

TEST_F(FileWalkTest, ThrowsForAFolderThatIsNone) {
  const auto ignore = [](const fs::path&) {};
  EXPECT_THROW(walk(folder / "none", 1, going_on.get_token(), ignore), fs::filesystem_error);
}

}  // namespace
}  // namespace file_pipeline
