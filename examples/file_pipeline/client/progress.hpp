// How far the job is, as far as clocks tell.
#pragma once

#include "pipeline_states.hpp"

#include <chrono>
#include <cstdint>
#include <cstdio>

namespace file_pipeline {

/// Numbers of files.
struct Counts {
  std::uint64_t found = 0;
  std::uint64_t opened = 0;
  std::uint64_t digested = 0;
  std::uint64_t compressed = 0;
  std::uint64_t verified = 0;
  std::uint64_t refused = 0;
  std::uint64_t failed = 0;

  std::uint64_t settled() const noexcept { return verified + refused + failed; }
  friend Counts operator-(const Counts& a, const Counts& b) noexcept;
  friend bool operator==(const Counts&, const Counts&) = default;
};

/// What the clocks of a pipeline count since it was made. Sends nothing.
Counts read_counts(const am::Api& pipeline);

/// Shows counts as a bar that is drawn over and over when `out` is a terminal, and as a plain line
/// for each tenth of the way when not.
class Progress {
 public:
  explicit Progress(std::FILE* out);
  /// Ends the line of a bar.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `total_known`: no more files will be found.
  void show(const Counts& counts, bool total_known);

 private:
  void draw(const Counts& counts, bool total_known);

  std::FILE* out_;
  bool terminal_;
  bool drawn_ = false;
  std::uint64_t shown_tenth_ = 0;
};

}  // namespace file_pipeline
