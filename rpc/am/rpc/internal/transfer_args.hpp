// Arguments that travelled before their mutation, and how the mutation names them.
#pragma once

#include <am/rpc/internal/bytes.hpp>
#include <am/rpc/internal/transfer_messages.hpp>
#include <am/rpc/payload.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace am::rpc::internal {

/// The type of the only argument of a mutation whose arguments came as a transfer. A server that
/// does not know it refuses the mutation, as with any other unknown type.
inline constexpr std::string_view transferred_args_type = "am.transfer";

/// Arguments that stand for those of `transfer`.
inline Bytes transferred_args(TransferId transfer) {
  Bytes value, bytes;
  Writer{value}.varint(transfer);
  Writer writer{bytes};
  writer.varint(1);
  writer.text(transferred_args_type);
  writer.blob(value);
  writer.varint(0);
  return bytes;
}

/// The transfer that `args` stand for; nothing when they are arguments of their own.
inline std::optional<TransferId> find_transferred_args(ByteView args) noexcept {
  Reader reader{args};
  if (reader.varint("args.typed") != 1) return std::nullopt;
  if (reader.text("args.type", transferred_args_type.size()) != transferred_args_type) {
    return std::nullopt;
  }
  Reader value{reader.blob("args.value", max_varint_bytes)};
  const TransferId transfer = value.varint("args.transfer");
  if (reader.varint("args.named") != 0 || !value.finish() || !reader.finish()) return std::nullopt;
  return transfer;
}

/// Bytes in memory, to be sent.
class BytesSource final : public PayloadSource {
 public:
  explicit BytesSource(std::vector<std::byte> bytes) : bytes_(std::move(bytes)) {}
  std::uint64_t size() const noexcept override { return bytes_.size(); }
  bool read(std::uint64_t offset, std::span<std::byte> to) override {
    const auto from = ByteView{bytes_}.subspan(static_cast<std::size_t>(offset), to.size());
    std::copy(from.begin(), from.end(), to.begin());
    return true;
  }

 private:
  std::vector<std::byte> bytes_;
};

}  // namespace am::rpc::internal
