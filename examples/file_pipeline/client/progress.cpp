#include "client/progress.hpp"

#include <fmt/format.h>

#include <string>

#include <unistd.h>

namespace file_pipeline {

Counts operator-(const Counts& a, const Counts& b) noexcept {
  return {.found = a.found - b.found,
          .opened = a.opened - b.opened,
          .digested = a.digested - b.digested,
          .compressed = a.compressed - b.compressed,
          .verified = a.verified - b.verified,
          .refused = a.refused - b.refused,
          .failed = a.failed - b.failed};
}

Counts read_counts(const am::Api& pipeline) {
  return {.found = count(pipeline, Pipeline::FileFound),
          .opened = count(pipeline, Pipeline::Opened),
          .digested = count(pipeline, Pipeline::Digested),
          .compressed = count(pipeline, Pipeline::Compressed),
          .verified = count(pipeline, Pipeline::Verified),
          .refused = count(pipeline, Pipeline::Refused),
          .failed = count(pipeline, Pipeline::ErrFile)};
}

Progress::Progress(std::FILE* out) : out_(out), terminal_(isatty(fileno(out)) == 1) {}

Progress::~Progress() {
  if (drawn_) fmt::print(out_, "\n");
}

void Progress::show(const Counts& counts, bool total_known) {
  if (terminal_) {
    draw(counts, total_known);
  } else if (total_known && counts.found != 0) {
    const std::uint64_t tenth = counts.settled() * 10 / counts.found;
    if (tenth <= shown_tenth_) return;
    shown_tenth_ = tenth;
    fmt::print(out_, "{} of {} files\n", counts.settled(), counts.found);
  }
  std::fflush(out_);
}

void Progress::draw(const Counts& counts, bool total_known) {
  constexpr std::uint64_t width = 20;
  const std::uint64_t filled = counts.found == 0 ? 0 : counts.settled() * width / counts.found;
  std::string bar(filled, '#');
  bar.resize(width, '.');
  // The steps are behind each other: the difference of two counts is what is being worked on.
  fmt::print(out_, "\r[{}] {} of {}{} files | digest {} | compress {} | verify {}\033[K", bar,
             counts.settled(), counts.found, total_known ? "" : "+",
             counts.opened - counts.digested, counts.digested - counts.compressed,
             counts.compressed - counts.verified);
  drawn_ = true;
}

}  // namespace file_pipeline
