// Frames of transfers, and packed frames: one form each, and no packed frame gives more than it
// may.
#include "same_bytes.hpp"

#include <am/rpc/internal/packing.hpp>
#include <am/rpc/internal/transfer_messages.hpp>

namespace {

namespace rpc = am::rpc::internal;
using fuzz::require;

void check_frame(rpc::ByteView frame) {
  const auto decoded = rpc::decode_transfer(frame, {});
  if (!decoded.ok()) {
    require(std::holds_alternative<std::monostate>(decoded.message) && *decoded.field != '\0');
    return;
  }
  require(rpc::is_transfer(static_cast<std::uint8_t>(frame[0])));
  fuzz::require_same_bytes(decoded, frame);
}

void check_packed(rpc::ByteView packed) {
  constexpr std::size_t limit = 4096;
  rpc::Bytes out(3);
  const auto fault = rpc::unpack(packed, limit, out);
  if (fault != rpc::Fault::none) return require(out.size() == 3);
  require(out.size() > 3 && out.size() - 3 <= limit);
  const auto inside = rpc::peek(rpc::ByteView{out}.subspan(3));
  require(inside && rpc::may_be_packed(inside->type) && inside->link == rpc::peek(packed)->link);
}

/// What is packed comes out as it was.
void check_packing(rpc::ByteView content) {
  rpc::Bytes frame;
  rpc::Writer writer(frame);
  rpc::encode(writer, 1, rpc::Chunk{1, 0, false, content, 0});
  rpc::Bytes packed;
  if (!rpc::pack(frame, packed)) return require(packed.empty());
  require(packed.size() < frame.size());
  rpc::Bytes out;
  require(rpc::unpack(packed, frame.size(), out) == rpc::Fault::none && out == frame);
  out.clear();
  require(rpc::unpack(packed, frame.size() - 1, out) == rpc::Fault::limit && out.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span{data, size});
  check_frame(bytes);
  check_packed(bytes);
  rpc::Bytes repeated;
  for (int i = 0; i < 4; ++i) repeated.insert(repeated.end(), bytes.begin(), bytes.end());
  check_packing(repeated);
  return 0;
}
