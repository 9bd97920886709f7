#include "worker/file_task.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include <stdlib.h>
#include <sys/stat.h>

namespace file_pipeline {
namespace {

namespace fs = std::filesystem;

class FileTaskTest : public testing::Test {
 protected:
  FileTaskTest() {
    std::string name = fs::temp_directory_path() / "file-task-test-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw fs::filesystem_error("mkdtemp", {});
    folder = name;
  }
  ~FileTaskTest() override { fs::remove_all(folder); }

  fs::path make(const std::string& name, const std::string& content) {
    std::ofstream(folder / name) << content;
    return folder / name;
  }

  fs::path folder;
  fs::path target() const { return folder / "target.gz"; }
  std::stop_source going_on;
  std::stop_token token = going_on.get_token();
};

std::string hex(const Digest& digest) {
  std::string text;
  for (const auto byte : digest) {
    text += "0123456789abcdef"[std::to_integer<unsigned>(byte) >> 4U];
    text += "0123456789abcdef"[std::to_integer<unsigned>(byte) & 15U];
  }
  return text;
}

TEST_F(FileTaskTest, TakesAFileThroughAllSteps) {
  FileTask task(make("source", "abc"), target());
  task.open(token);
  EXPECT_EQ(task.problem(), "");
  EXPECT_EQ(task.size(), 3U);
  task.digest(token);
  EXPECT_EQ(hex(task.sha256()), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  task.compress(token);
  EXPECT_EQ(task.compressed_size(), fs::file_size(target()));
  EXPECT_NO_THROW(task.verify(token));
}

TEST_F(FileTaskTest, TakesAnEmptyFile) {
  FileTask task(make("source", ""), target());
  task.open(token);
  task.digest(token);
  task.compress(token);
  EXPECT_NO_THROW(task.verify(token));
}

TEST_F(FileTaskTest, TakesAFileOfSeveralChunks) {
  FileTask task(make("source", std::string(FileTask::chunk_size * 3 + 1, 'x')), target());
  task.open(token);
  task.digest(token);
  task.compress(token);
  EXPECT_NO_THROW(task.verify(token));
  EXPECT_LT(task.compressed_size(), 2000U);
}

TEST_F(FileTaskTest, FindsThatTheCompressedFileIsAnother) {
  FileTask task(make("source", "abc"), target());
  task.open(token);
  task.digest(token);
  make("source", "abd");
  task.compress(token);
  EXPECT_THROW(task.verify(token), std::runtime_error);
}

TEST_F(FileTaskTest, FindsThatTheCompressedFileIsDamaged) {
  FileTask task(make("source", std::string(10'000, 'x')), target());
  task.open(token);
  task.digest(token);
  task.compress(token);
  fs::resize_file(target(), task.compressed_size() - 6);
  EXPECT_THROW(task.verify(token), std::runtime_error);
}

TEST_F(FileTaskTest, FindsThatTheSourceShrankOrGrew) {
  FileTask task(make("source", "abc"), target());
  task.open(token);
  make("source", "ab");
  EXPECT_THROW(task.digest(token), std::runtime_error);
  make("source", "abcd");
  EXPECT_THROW(task.digest(token), std::runtime_error);
}

TEST_F(FileTaskTest, ReadsNoMoreOfAnEndlessFileThanItsSize) {
  FileTask task("/proc/self/maps", target());  // a regular file of size 0 that has content
  task.open(token);
  EXPECT_EQ(task.problem(), "");
  EXPECT_THROW(task.digest(token), std::runtime_error);
}

TEST_F(FileTaskTest, SaysWhyAFileCannotBeRead) {
  fs::create_symlink("nowhere", folder / "dangling");
  fs::create_symlink("circle", folder / "circle");
  ASSERT_EQ(::mkfifo((folder / "fifo").c_str(), 0600), 0);
  const std::pair<fs::path, std::string> cases[] = {
      {folder / "vanished", "No such file or directory"},
      {folder / "dangling", "No such file or directory"},
      {folder / "circle", "Too many levels of symbolic links"},
      {folder / "fifo", "not a regular file"},
      {"/dev/zero", "not a regular file"},
      {folder, "a folder that cannot be read"},
  };
  for (const auto& [path, problem] : cases) {
    FileTask task(path, target());
    task.open(token);
    EXPECT_EQ(task.problem(), problem) << path;
  }
}

TEST_F(FileTaskTest, NeverWritesOverAFile) {
  FileTask task(make("source", "abc"), make("target.gz", "mine"));
  task.open(token);
  task.digest(token);
  EXPECT_THROW(task.compress(token), std::system_error);
}

TEST_F(FileTaskTest, StopsInEveryStep) {
  FileTask task(make("source", "abc"), target());
  task.open(token);
  task.digest(token);
  task.compress(token);
  going_on.request_stop();
  EXPECT_THROW(task.open(token), Stopped);
  EXPECT_THROW(task.digest(token), Stopped);
  EXPECT_THROW(task.verify(token), Stopped);
  fs::remove(target());
  EXPECT_THROW(task.compress(token), Stopped);
}

}  // namespace
}  // namespace file_pipeline
