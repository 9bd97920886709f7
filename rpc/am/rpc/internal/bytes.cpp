#include <am/rpc/internal/bytes.hpp>

#include <array>

namespace am::rpc::internal {

// -- writing -------------------------------------------------------------------------------------

bool Writer::room(std::size_t bytes) noexcept {
  if (ok_ && (out_->size() > limit_ || bytes > limit_ - out_->size())) ok_ = false;
  return ok_;
}

void Writer::put(std::uint64_t value, std::size_t bytes) {
  if (!room(bytes)) return;
  for (std::size_t i = 0; i < bytes; ++i) {
    out_->push_back(static_cast<std::byte>(value & 0xFFU));
    value >>= 8U;
  }
}

void Writer::varint(std::uint64_t value) {
  if (value < 0x80U) return put(value, 1);
  std::array<std::byte, max_varint_bytes> groups;
  std::size_t size = 0;
  while (value >= 0x80U) {
    groups[size++] = static_cast<std::byte>((value & 0x7FU) | 0x80U);
    value >>= 7U;
  }
  groups[size++] = static_cast<std::byte>(value);
  raw({groups.data(), size});
}

void Writer::zigzag(std::int64_t value) {
  const auto bits = static_cast<std::uint64_t>(value);
  varint((bits << 1U) ^ (value < 0 ? ~std::uint64_t{0} : 0));
}

void Writer::raw(ByteView bytes) {
  if (room(bytes.size())) out_->insert(out_->end(), bytes.begin(), bytes.end());
}

void Writer::blob(ByteView bytes) {
  varint(bytes.size());
  raw(bytes);
}

// -- reading -------------------------------------------------------------------------------------

const char* to_string(Fault fault) noexcept {
  switch (fault) {
    case Fault::none: return "none";
    case Fault::truncated: return "truncated";
    case Fault::overlong: return "overlong varint";
    case Fault::limit: return "above its limit";
    case Fault::value: return "impossible value";
    case Fault::trailing: return "trailing bytes";
    case Fault::magic: return "not a hello of this protocol";
    case Fault::version: return "unsupported protocol version";
    case Fault::type: return "unknown message type";
  }
  return "?";
}

void Reader::fail(Fault fault, const char* field) noexcept {
  if (!ok()) return;
  fault_ = fault;
  field_ = field;
  rest_ = {};
}

std::uint64_t Reader::fixed(const char* field, std::size_t bytes) noexcept {
  std::uint64_t value = 0;
  const ByteView taken = raw(field, bytes);
  for (std::size_t i = taken.size(); i-- > 0;) {
    value = (value << 8U) | std::to_integer<std::uint64_t>(taken[i]);
  }
  return value;
}

std::uint8_t Reader::u8(const char* field) noexcept {
  return static_cast<std::uint8_t>(fixed(field, 1));
}

std::uint32_t Reader::u32(const char* field) noexcept {
  return static_cast<std::uint32_t>(fixed(field, 4));
}

std::uint64_t Reader::u64(const char* field) noexcept { return fixed(field, 8); }

std::uint64_t Reader::varint(const char* field, std::uint64_t max) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < max_varint_bytes; ++i) {
    if (i == rest_.size()) {
      fail(Fault::truncated, field);
      return 0;
    }
    const auto group = std::to_integer<std::uint64_t>(rest_[i]);
    // The tenth group has one bit left, and a last group of zero says nothing.
    if ((i == max_varint_bytes - 1 && group > 1) || (i > 0 && group == 0)) break;
    value |= (group & 0x7FU) << (7U * i);
    if (group < 0x80U) {
      if (value > max) {
        fail(Fault::limit, field);
        return 0;
      }
      rest_ = rest_.subspan(i + 1);
      return value;
    }
  }
  fail(Fault::overlong, field);
  return 0;
}

std::int64_t Reader::zigzag(const char* field) noexcept {
  const std::uint64_t bits = varint(field);
  return static_cast<std::int64_t>((bits >> 1U) ^ (~(bits & 1U) + 1U));
}

std::size_t Reader::count(const char* field, std::size_t max, std::size_t element_bytes) noexcept {
  const auto value = static_cast<std::size_t>(varint(field, max));
  if (value > rest_.size() / element_bytes) {
    fail(Fault::truncated, field);
    return 0;
  }
  return value;
}

ByteView Reader::raw(const char* field, std::size_t size) noexcept {
  if (size > rest_.size()) fail(Fault::truncated, field);
  if (!ok()) return {};
  const ByteView taken = rest_.first(size);
  rest_ = rest_.subspan(size);
  return taken;
}

ByteView Reader::blob(const char* field, std::size_t max) noexcept {
  return raw(field, count(field, max));
}

std::string_view Reader::text(const char* field, std::size_t max) noexcept {
  const ByteView bytes = blob(field, max);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool Reader::finish() noexcept {
  if (!rest_.empty()) fail(Fault::trailing, "frame");
  return ok();
}

}  // namespace am::rpc::internal
