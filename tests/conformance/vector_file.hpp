// A file of test vectors: one case in JSON per line, plain or gzip-compressed.
#pragma once

#include "case.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <set>
#include <string>

namespace conformance {

/// The longest line that is read, in bytes.
inline constexpr std::size_t max_line = std::size_t{16} << 20U;

/// What a line holds: a case, or else what is wrong with it.
struct Line {
  std::size_t number = 0;  ///< from 1; 0 for what concerns the whole file
  std::optional<Case> test{};
  std::string problem{};
};

/// Reads a file line by line, so that its size does not matter. Nothing throws: whatever goes
/// wrong, also with opening the file, comes as the problem of a line.
class VectorFile {
 public:
  explicit VectorFile(std::string path);
  ~VectorFile();
  VectorFile(const VectorFile&) = delete;
  VectorFile& operator=(const VectorFile&) = delete;

  /// The next case or problem; nothing at the end. Blank lines are passed over. After a problem
  /// with reading itself there are no more lines.
  std::optional<Line> next();

 private:
  struct Input;

  /// Puts the next line into `text_`; false at the end.
  bool read_line();
  Line parse_line();

  std::unique_ptr<Input> input_;
  std::string text_;
  std::size_t number_ = 0;
  /// Why reading ended before the end of the file.
  std::string broken_;
  std::set<std::string> ids_;
};

}  // namespace conformance
