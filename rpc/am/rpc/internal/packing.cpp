#include <am/rpc/internal/packing.hpp>

#include <am/rpc/internal/transfer_messages.hpp>

#include <zstd.h>

#include <memory>

namespace am::rpc::internal {

namespace {

constexpr int level = 1;

struct Free {
  void operator()(ZSTD_CCtx* context) const noexcept { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const noexcept { ZSTD_freeDCtx(context); }
};

}  // namespace

bool may_be_packed(std::uint8_t type) noexcept {
  return type == static_cast<std::uint8_t>(MessageType::welcome) ||
         type == static_cast<std::uint8_t>(MessageType::snapshot) ||
         type == static_cast<std::uint8_t>(TransferType::chunk);
}

bool pack(ByteView frame, Bytes& out) {
  if (frame.size() < packing_threshold) return false;
  const auto head = peek(frame);
  if (!head || !may_be_packed(head->type)) return false;
  thread_local const std::unique_ptr<ZSTD_CCtx, Free> context{ZSTD_createCCtx()};
  if (context == nullptr) return false;
  const std::size_t start = out.size();
  Writer writer{out};
  writer.u8(packed_type);
  writer.varint(head->link);
  writer.varint(frame.size());
  const std::size_t body = out.size();
  // Room for what is worth it only: the compressor gives up when it is used up.
  const std::size_t room = frame.size() - frame.size() / 8 - (body - start);
  out.resize(body + room);
  const std::size_t size =
      ZSTD_compressCCtx(context.get(), out.data() + body, room, frame.data(), frame.size(), level);
  if (ZSTD_isError(size) != 0) {
    out.resize(start);
    return false;
  }
  out.resize(body + size);
  return true;
}

Fault unpack(ByteView packed, std::size_t limit, Bytes& out) {
  Reader reader{packed};
  if (reader.u8("packed.type") != packed_type) return Fault::type;
  const LinkId link = reader.varint("packed.link");
  const std::uint64_t size = reader.varint("packed.size", limit);
  if (!reader.ok()) return reader.fault();
  if (size < packing_threshold) return Fault::value;
  const ByteView body = reader.raw("packed.body", reader.remaining());
  thread_local const std::unique_ptr<ZSTD_DCtx, Free> context{ZSTD_createDCtx()};
  if (context == nullptr) return Fault::limit;
  const std::size_t start = out.size();
  out.resize(start + size);
  // Writes into the room that it is given and nowhere else, whatever the content says of itself.
  const std::size_t got =
      ZSTD_decompressDCtx(context.get(), out.data() + start, size, body.data(), body.size());
  const auto inside = peek(ByteView{out}.subspan(start));
  if (ZSTD_isError(got) != 0 || got != size || !inside || inside->link != link ||
      !may_be_packed(inside->type)) {
    out.resize(start);
    return Fault::value;
  }
  return Fault::none;
}

}  // namespace am::rpc::internal
