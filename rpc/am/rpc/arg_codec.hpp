// Writing and reading the value of one argument, bounded. What am/cereal.hpp and codecs of your own
// are made of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <vector>

namespace am::rpc {

/// What the arguments of one mutation may take. Both sides check.
struct ArgLimits {
  /// All of them, encoded, in bytes.
  std::size_t bytes = std::size_t{256} << 10U;
  /// Typed values, and named values, each (a count).
  std::size_t values = 64;
  /// The name of a type or of a named value, in bytes.
  std::size_t name = 255;
  /// Values inside of values inside of values (a count): what bounds the stack.
  std::size_t depth = 100;
};

/// Thrown by `ArgOutput` and `ArgInput`, and by codecs; says what was wrong with a value.
/// `ArgTypes` catches it and adds the name of the argument.
class ArgFault : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Where a codec writes. Integers are varints, so small ones are short; everything is independent
/// of the machine's byte order. One thread at a time. Throws `ArgFault` when a limit is reached.
class ArgOutput {
 public:
  /// Appends to `out`, which must outlive this. `limit`: most bytes that `out` may come to.
  ArgOutput(std::vector<std::byte>& out, std::size_t limit, std::size_t depth) noexcept
      : out_(&out), limit_(limit), depth_left_(depth) {}

  void boolean(bool value) { number(std::uint64_t{value}); }
  /// 1 to 10 bytes.
  void number(std::uint64_t value);
  /// 1 to 10 bytes; small magnitudes are short.
  void signed_number(std::int64_t value);
  /// 4 and 8 bytes, IEEE 754.
  void real(float value);
  void real(double value);
  /// The bytes as they are.
  void raw(std::span<const std::byte> bytes);
  /// The number of elements that follow, before the first of them. Each must come to at least a
  /// byte, else `finish` throws: no reader would believe the number.
  void count(std::size_t elements);

  /// Around a value inside of another.
  void enter();
  void leave() noexcept { ++depth_left_; }

  /// After the value: checks what cannot be checked before.
  void finish() const;

 private:
  std::vector<std::byte>* out_;
  std::size_t limit_;
  std::size_t depth_left_;
  std::size_t start_ = out_->size();
  std::size_t needed_ = 0;    // out_'s least size for every count to be believed
  std::size_t elements_ = 0;  // of all counts
};

/// Where a codec reads, the same fields in the same order. What comes from the network may be
/// anything: every read is checked and throws `ArgFault`. One thread at a time.
class ArgInput {
 public:
  /// `bytes` must outlive this.
  ArgInput(std::span<const std::byte> bytes, std::size_t depth) noexcept
      : rest_(bytes), depth_left_(depth), elements_left_(bytes.size()) {}

  bool boolean();
  std::uint64_t number(std::uint64_t max = std::numeric_limits<std::uint64_t>::max());
  std::int64_t signed_number(std::int64_t min = std::numeric_limits<std::int64_t>::min(),
                             std::int64_t max = std::numeric_limits<std::int64_t>::max());
  float real32();
  double real64();
  /// Fills `to`.
  void raw(std::span<std::byte> to);
  /// The number of elements that follow: at most one for each byte that remains, and for all counts
  /// together at most one for each byte of the input. Enough may be reserved for them.
  std::size_t count();
  std::size_t remaining() const noexcept { return rest_.size(); }

  /// Around a value inside of another.
  void enter();
  void leave() noexcept { ++depth_left_; }

 private:
  template <class Read>
  auto read(Read&& field);

  std::span<const std::byte> rest_;
  std::size_t depth_left_;
  std::size_t elements_left_;
};

}  // namespace am::rpc
