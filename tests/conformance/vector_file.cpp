#include "vector_file.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace conformance {

/// zlib reads plain files as they are, so there is one path for both kinds.
struct VectorFile::Input {
  Input() = default;
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;
  ~Input() { close(); }

  void close() {
    if (file != nullptr) gzclose(file);
    file = nullptr;
  }

  gzFile file = nullptr;
  std::array<char, 1U << 16U> buffer{};
  std::size_t begin = 0;
  std::size_t end = 0;
};

VectorFile::VectorFile(std::string path) : input_(std::make_unique<Input>()) {
  errno = 0;
  input_->file = gzopen(path.c_str(), "rb");
  if (input_->file == nullptr) {
    broken_ = fmt::format("cannot open: {}", std::strerror(errno != 0 ? errno : ENOMEM));
  }
}

VectorFile::~VectorFile() = default;

std::optional<Line> VectorFile::next() {
  constexpr auto blank = " \t\r\n";
  while (read_line()) {
    if (text_.find_first_not_of(blank) != std::string::npos) return parse_line();
  }
  if (broken_.empty()) return std::nullopt;
  input_->close();
  return Line{number_, std::nullopt, std::exchange(broken_, {})};
}

Line VectorFile::parse_line() {
  try {
    auto test = parse_case(text_);
    if (!ids_.insert(test.id).second) {
      return {number_, std::nullopt, fmt::format("case {} is in this file twice", test.id)};
    }
    return {number_, std::move(test), {}};
  } catch (const std::exception& error) {
    return {number_, std::nullopt, error.what()};
  }
}

bool VectorFile::read_line() {
  auto& in = *input_;
  text_.clear();
  if (in.file == nullptr || !broken_.empty()) return false;
  for (bool started = false;; started = true) {
    if (in.begin == in.end) {
      const int count = gzread(in.file, in.buffer.data(), static_cast<unsigned>(in.buffer.size()));
      in.begin = 0;
      in.end = count > 0 ? static_cast<std::size_t>(count) : 0;
      // A compressed file that is cut off ends like a whole one and only sets the error.
      int status = Z_OK;
      const char* message = gzerror(in.file, &status);
      if (count < 0 || (count == 0 && status != Z_OK)) {
        ++number_;
        broken_ =
            fmt::format("cannot read: {}", status == Z_ERRNO ? std::strerror(errno) : message);
        return false;
      }
      if (count == 0) {
        if (started) ++number_;
        return started;
      }
    }
    const char* from = in.buffer.data() + in.begin;
    const auto size = in.end - in.begin;
    const auto* newline = static_cast<const char*>(std::memchr(from, '\n', size));
    const auto taken = newline == nullptr ? size : static_cast<std::size_t>(newline - from);
    text_.append(from, taken);
    in.begin += taken + (newline == nullptr ? 0 : 1);
    if (text_.size() > max_line) {
      ++number_;
      broken_ = fmt::format("longer than {} bytes", max_line);
      return false;
    }
    if (newline != nullptr) {
      ++number_;
      return true;
    }
  }
}

}  // namespace conformance
