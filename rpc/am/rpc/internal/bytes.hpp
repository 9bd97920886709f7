// Bounded writing and reading of the wire's primitive fields.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace am::rpc::internal {

using Bytes = std::vector<std::byte>;
using ByteView = std::span<const std::byte>;

/// The longest varint: ten groups of seven bits.
inline constexpr std::size_t max_varint_bytes = 10;

/// Views text as bytes, without a copy.
inline ByteView as_bytes(std::string_view text) noexcept {
  return std::as_bytes(std::span{text.data(), text.size()});
}

/// Appends fields to a buffer that the caller owns and reuses. Everything is little endian.
/// Never writes past `limit` bytes: the first field that would is left out, and so are all after
/// it. Not thread-safe; every call is O(bytes written).
class Writer {
 public:
  /// Appends to `out`, which must outlive the writer, until it holds `limit` bytes.
  explicit Writer(Bytes& out, std::size_t limit = std::numeric_limits<std::size_t>::max()) noexcept
      : out_(&out), limit_(limit) {}

  /// False once a field did not fit; the buffer then holds an incomplete message.
  bool ok() const noexcept { return ok_; }

  void u8(std::uint8_t value) { put(value, 1); }
  void u32(std::uint32_t value) { put(value, 4); }
  void u64(std::uint64_t value) { put(value, 8); }
  /// Seven bits per byte, lowest group first, high bit set on all but the last: 1 to 10 bytes.
  void varint(std::uint64_t value);
  /// A signed number as varint 0, -1, 1, -2, ... so that small magnitudes stay short.
  void zigzag(std::int64_t value);
  /// The bytes as they are.
  void raw(ByteView bytes);
  /// Varint length, then the bytes.
  void blob(ByteView bytes);
  void text(std::string_view text) { blob(as_bytes(text)); }

 private:
  bool room(std::size_t bytes) noexcept;
  void put(std::uint64_t value, std::size_t bytes);

  Bytes* out_;
  std::size_t limit_;
  bool ok_ = true;
};

/// What was wrong with received bytes.
enum class Fault : std::uint8_t {
  none,
  truncated,  ///< a field needs more bytes than there are
  overlong,   ///< a varint with more bytes than its value needs, or more than 64 bits
  limit,      ///< a count or size above its limit
  value,      ///< a value that the field cannot have
  trailing,   ///< bytes after the last field
  magic,      ///< a hello that does not start as ours do
  version,    ///< a hello for protocol versions that are not spoken here
  type,       ///< a message type that is not known here
};

/// Returns the fault in words, for example "truncated".
const char* to_string(Fault fault) noexcept;

/// Takes fields from received bytes. The first fault sticks: every later read returns zero or
/// nothing and consumes nothing, so a decoder may read on and ask `ok()` once at its end.
/// Views returned point into the bytes given. `field` names what is read, for the log; it must be a
/// literal. Allocates nothing; not thread-safe.
class Reader {
 public:
  explicit Reader(ByteView bytes) noexcept : rest_(bytes) {}

  bool ok() const noexcept { return fault_ == Fault::none; }
  Fault fault() const noexcept { return fault_; }
  /// The field at which the first fault was met; "" while there is none.
  const char* field() const noexcept { return field_; }
  std::size_t remaining() const noexcept { return rest_.size(); }

  std::uint8_t u8(const char* field) noexcept;
  std::uint32_t u32(const char* field) noexcept;
  std::uint64_t u64(const char* field) noexcept;
  /// A varint of at most `max`; a larger value is a `limit` fault.
  std::uint64_t varint(const char* field,
                       std::uint64_t max = std::numeric_limits<std::uint64_t>::max()) noexcept;
  std::int64_t zigzag(const char* field) noexcept;
  /// A varint count of at most `max` elements, each of which takes at least `element_bytes` (> 0)
  /// of what remains: a count that passes may be used to reserve memory.
  std::size_t count(const char* field, std::size_t max, std::size_t element_bytes = 1) noexcept;
  /// Exactly `size` bytes.
  ByteView raw(const char* field, std::size_t size) noexcept;
  /// Varint length of at most `max`, then so many bytes.
  ByteView blob(const char* field, std::size_t max) noexcept;
  std::string_view text(const char* field, std::size_t max) noexcept;

  /// Notes a fault that the decoder found in a value; only the first one stays.
  void fail(Fault fault, const char* field) noexcept;
  /// Requires that nothing remains. Returns `ok()`.
  bool finish() noexcept;

 private:
  std::uint64_t fixed(const char* field, std::size_t bytes) noexcept;

  ByteView rest_;
  const char* field_ = "";
  Fault fault_ = Fault::none;
};

}  // namespace am::rpc::internal
