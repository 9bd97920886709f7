// What a fuzz target is: a function of bytes that must not fail, whatever they are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace fuzz {

/// Ends the program where an invariant does not hold: fuzzers see a crash, tests fail.
inline void require(bool holds) {
  if (!holds) std::abort();
}

/// Numbers and texts out of a fuzzer's bytes; zeros and nothing when they have run out.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size)
      : rest_(reinterpret_cast<const char*>(data), size) {}

  bool empty() const { return rest_.empty(); }
  unsigned byte() {
    if (rest_.empty()) return 0;
    const auto value = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }
  bool flag() { return byte() % 2 != 0; }
  std::size_t below(std::size_t n) { return n == 0 ? 0 : byte() % n; }
  /// Up to `longest` bytes, as the first one says.
  std::string text(std::size_t longest) {
    const auto length = below(longest + 1);
    const auto part = rest_.substr(0, length);
    rest_.remove_prefix(part.size());
    return std::string(part);
  }
  std::string rest() { return std::string(rest_); }

 private:
  std::string_view rest_;
};

}  // namespace fuzz
