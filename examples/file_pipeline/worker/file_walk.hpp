// Finds the files of a folder.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <stop_token>

namespace file_pipeline {

/// Calls `found` for what lies in `folder` and the folders in it, at most `limit` times, until
/// `token` is stopped. Links to files count as files, links to folders are left out, so that there
/// are no loops. A folder in it that cannot be read is handed to `found` like a file. Throws
/// `std::filesystem::filesystem_error` when `folder` itself cannot be read.
void walk(const std::filesystem::path& folder, std::size_t limit, const std::stop_token& token,
          const std::function<void(const std::filesystem::path&)>& found);

}  // namespace file_pipeline
