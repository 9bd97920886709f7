// What the program does once its command line is read.
#pragma once

#include <cstddef>
#include <iosfwd>
#include <string>
#include <vector>

namespace conformance {

struct Options {
  std::vector<std::string> files{};
  /// Most failures that are printed in detail; the others are only counted.
  std::size_t max_failures = 10;
  /// Runs only the case with this id, and prints all that it does. Empty: all cases.
  std::string only{};
};

/// Runs the cases of all files and prints what differs, then the line "N passed, M failed". A line
/// or a file that cannot be read counts as failed. Returns the exit status: 0 when at least one
/// case ran and none failed, else 1.
int run(const Options& options, std::ostream& out);

}  // namespace conformance
