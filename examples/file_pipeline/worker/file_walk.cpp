#include "worker/file_walk.hpp"

#include <system_error>
#include <utility>
#include <vector>

namespace file_pipeline {

namespace fs = std::filesystem;

void walk(const fs::path& folder, std::size_t limit, const std::stop_token& token,
          const std::function<void(const fs::path&)>& found) {
  const auto hand_over = [&](const fs::path& path) {
    found(path);
    --limit;
  };

  std::vector<fs::path> folders;
  fs::directory_iterator entries(folder);
  while (true) {
    std::error_code error;
    for (; entries != fs::directory_iterator() && !error; entries.increment(error)) {
      if (limit == 0 || token.stop_requested()) return;
      std::error_code ignored;  // what cannot be asked what it is, is handed over
      const bool link = entries->is_symlink(ignored);
      const bool is_folder = entries->is_directory(ignored);
      if (is_folder && !link) folders.push_back(entries->path());
      if (!is_folder) hand_over(entries->path());
    }
    do {
      if (folders.empty() || limit == 0) return;
      const fs::path next = std::move(folders.back());
      folders.pop_back();
      entries = fs::directory_iterator(next, error);
      if (error) hand_over(next);
    } while (error);
  }
}

}  // namespace file_pipeline
