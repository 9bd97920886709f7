#include "worker/output_folder.hpp"

#include <cerrno>
#include <string>
#include <system_error>

#include <stdlib.h>

namespace file_pipeline {

OutputFolder::OutputFolder() {
  std::string name = std::filesystem::temp_directory_path() / "file-pipeline-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) {
    throw std::system_error(errno, std::generic_category(), name);
  }
  path_ = name;
}

OutputFolder::~OutputFolder() {
  std::error_code ignored;  // nobody is left who could do something about it
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace file_pipeline
