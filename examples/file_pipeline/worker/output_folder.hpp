// Where the compressed files of a job lie.
#pragma once

#include <filesystem>

namespace file_pipeline {

/// A fresh folder in the system's temporary one. Goes with the object, with all that is in it.
class OutputFolder {
 public:
  /// Throws `std::system_error` when it cannot be made.
  OutputFolder();
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;
  ~OutputFolder();

  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace file_pipeline
