// A file for the length of a test.
#pragma once

#include <unistd.h>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace conformance {

class TemporaryFile {
 public:
  explicit TemporaryFile(std::string_view content) {
    static int count = 0;
    // The process id keeps apart tests that run side by side.
    path_ = std::filesystem::temp_directory_path() /
            ("conformance-" + std::to_string(::getpid()) + "-" + std::to_string(++count));
    std::ofstream(path_, std::ios::binary) << content;
  }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

/// A case without states of its own, in which nothing happens.
inline std::string empty_case(std::string_view id) {
  return R"({"id":")" + std::string(id) +
         R"(","class":"plain","states":["Exception"],"schema":{},"steps":[{"op":"set","states":[],)"
         R"("result":"executed","active":[],"ticks":[0],"tx":["="]}]})";
}

}  // namespace conformance
