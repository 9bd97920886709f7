// Rows of 64-bit words used as sets of state indexes.
#pragma once

#include <am/tick.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace am::internal {

using Word = std::uint64_t;
using Bits = std::span<const Word>;
using MutableBits = std::span<Word>;

constexpr std::size_t words_for(std::size_t states) noexcept { return (states + 63) / 64; }

constexpr bool test(Bits bits, std::size_t i) noexcept {
  return ((bits[i / 64] >> (i % 64)) & 1U) != 0;
}
constexpr void set(MutableBits bits, std::size_t i) noexcept {
  bits[i / 64] |= Word{1} << (i % 64);
}
constexpr void reset(MutableBits bits, std::size_t i) noexcept {
  bits[i / 64] &= ~(Word{1} << (i % 64));
}

/// True when the two sets share a member.
inline bool intersects(Bits a, Bits b) noexcept {
  for (std::size_t w = 0; w < a.size(); ++w) {
    if ((a[w] & b[w]) != 0) return true;
  }
  return false;
}

/// True when every member of `a` is in `b`.
inline bool subset(Bits a, Bits b) noexcept {
  for (std::size_t w = 0; w < a.size(); ++w) {
    if ((a[w] & ~b[w]) != 0) return false;
  }
  return true;
}

/// Calls `fn(index)` for every member of word `w` of some set, whose bits are `word`.
template <class Fn>
void for_each_bit(std::size_t w, Word word, Fn&& fn) {
  while (word != 0) {
    const auto bit = static_cast<std::size_t>(std::countr_zero(word));
    word &= word - 1;
    fn(static_cast<StateIndex>(w * 64 + bit));
  }
}

/// Makes `bits` the empty set over `words` words, keeping its memory.
inline void clear(std::vector<Word>& bits, std::size_t words) { bits.assign(words, 0); }

/// Makes `bits` the set of `list`.
inline void assign(std::vector<Word>& bits, std::size_t words, std::span<const StateIndex> list) {
  clear(bits, words);
  for (const auto i : list) set(bits, i);
}

/// One set for each state.
class BitMatrix {
 public:
  BitMatrix() = default;
  BitMatrix(std::size_t rows, std::size_t columns)
      : words_(words_for(columns)), data_(rows * words_) {}

  Bits operator[](std::size_t row) const noexcept { return {data_.data() + row * words_, words_}; }
  MutableBits row(std::size_t r) noexcept { return {data_.data() + r * words_, words_}; }

 private:
  std::size_t words_ = 0;
  std::vector<Word> data_;
};

}  // namespace am::internal
