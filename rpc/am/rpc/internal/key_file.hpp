// Files that hold keys: who may read them, and their lines.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace am::rpc::internal {

/// The longest file of keys, in bytes.
inline constexpr std::size_t max_key_file = std::size_t{4} << 20U;

/// Whom the mode of a file has to keep out.
enum class Keep : std::uint8_t {
  secret,  ///< nobody but its owner may read or write it
  intact,  ///< nobody but its owner may write it
};

/// Text that is wiped at the end of its life.
struct WipedText {
  WipedText() = default;
  /// Reads a file. Throws `Error` (invalid_argument) that names it and the remedy: when it cannot
  /// be read, is too long, or its mode lets others do what they must not.
  WipedText(const std::string& path, Keep keep);
  WipedText(WipedText&&) = delete;
  WipedText& operator=(WipedText&&) = delete;
  ~WipedText();

  std::string text{};
};

/// Writes a file that does not exist yet. Throws `Error` (invalid_argument) that names it.
void write_new_file(const std::string& path, std::string_view text, Keep keep);

struct KeyLine {
  std::size_t number = 0;  ///< from 1
  std::vector<std::string_view> words{};
};

/// The lines of a file of keys, without blank ones and comments, which start with a #, as no key
/// does. Views into `text`.
std::vector<KeyLine> key_lines(std::string_view text);

}  // namespace am::rpc::internal
