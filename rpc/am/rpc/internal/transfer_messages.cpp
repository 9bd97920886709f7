#include <am/rpc/internal/transfer_messages.hpp>

#include <am/rpc/internal/message_bits.hpp>

namespace am::rpc::internal {

namespace {

// Flags of an offer and of a chunk.
constexpr std::uint8_t offer_accepted = 0x01;
constexpr std::uint8_t chunk_last = 0x01;

void head(Writer& writer, TransferType type, LinkId link, TransferId transfer) {
  writer.u8(static_cast<std::uint8_t>(type));
  writer.varint(link);
  writer.varint(transfer);
}

/// A byte that has flags of `known` only.
std::uint8_t flags(Reader& reader, const char* field, std::uint8_t known) noexcept {
  const std::uint8_t value = reader.u8(field);
  if ((value & ~known) != 0) reader.fail(Fault::value, field);
  return value;
}

Offer get_offer(Reader& reader) noexcept {
  Offer offer;
  offer.transfer = reader.varint("offer.transfer");
  offer.kind = static_cast<TransferKind>(reader.u8("offer.kind"));
  offer.ack = (flags(reader, "offer.flags", offer_accepted) & offer_accepted) != 0
                  ? AckLevel::accepted
                  : AckLevel::received;
  offer.size = reader.varint("offer.size");
  offer.name = reader.text("offer.name", max_payload_name);
  offer.encoding = reader.text("offer.encoding", max_payload_name);
  return offer;
}

Chunk get_chunk(Reader& reader) noexcept {
  Chunk chunk;
  chunk.transfer = reader.varint("chunk.transfer");
  chunk.offset = reader.varint("chunk.offset");
  chunk.last = (flags(reader, "chunk.flags", chunk_last) & chunk_last) != 0;
  chunk.bytes = reader.blob("chunk.bytes", chunk_bytes);
  if (chunk.last) chunk.digest = reader.u64("chunk.digest");
  return chunk;
}

Credit get_credit(Reader& reader) noexcept {
  Credit credit;
  credit.transfer = reader.varint("credit.transfer");
  credit.received = reader.varint("credit.received");
  credit.room = reader.varint("credit.room");
  return credit;
}

Ack get_ack(Reader& reader, const Limits& limits) noexcept {
  Ack ack;
  ack.transfer = reader.varint("ack.transfer");
  const std::uint8_t outcome = reader.u8("ack.outcome");
  if (outcome > static_cast<std::uint8_t>(AckOutcome::refused)) {
    reader.fail(Fault::value, "ack.outcome");
  }
  ack.outcome = static_cast<AckOutcome>(outcome);
  ack.code = static_cast<TransferCode>(reader.u8("ack.code"));
  ack.received = reader.varint("ack.received");
  ack.retry_after_ms = reader.varint("ack.retry_after");
  ack.text = reader.text("ack.text", limits.text);
  return ack;
}

Cancel get_cancel(Reader& reader, const Limits& limits) noexcept {
  Cancel cancel;
  cancel.transfer = reader.varint("cancel.transfer");
  cancel.code = static_cast<TransferCode>(reader.u8("cancel.code"));
  cancel.text = reader.text("cancel.text", limits.text);
  return cancel;
}

TransferMessage get(Reader& reader, std::uint8_t type, const Limits& limits) noexcept {
  switch (static_cast<TransferType>(type)) {
    case TransferType::offer: return get_offer(reader);
    case TransferType::chunk: return get_chunk(reader);
    case TransferType::credit: return get_credit(reader);
    case TransferType::ack: return get_ack(reader, limits);
    case TransferType::cancel: return get_cancel(reader, limits);
  }
  reader.fail(Fault::type, "type");
  return {};
}

}  // namespace

const char* to_string(TransferCode code) noexcept {
  switch (code) {
    case TransferCode::none: return "none";
    case TransferCode::not_now: return "not_now";
    case TransferCode::too_large: return "too_large";
    case TransferCode::no_consumer: return "no_consumer";
    case TransferCode::rejected: return "rejected";
    case TransferCode::digest: return "digest";
    case TransferCode::protocol: return "protocol";
    case TransferCode::storage: return "storage";
    case TransferCode::timeout: return "timeout";
    case TransferCode::canceled: return "canceled";
    case TransferCode::unknown: return "unknown";
  }
  return "?";
}

void encode(Writer& writer, LinkId link, const Offer& message) {
  head(writer, TransferType::offer, link, message.transfer);
  writer.u8(static_cast<std::uint8_t>(message.kind));
  writer.u8(message.ack == AckLevel::accepted ? offer_accepted : std::uint8_t{0});
  writer.varint(message.size);
  writer.text(message.name);
  writer.text(message.encoding);
}

void encode(Writer& writer, LinkId link, const Chunk& message) {
  head(writer, TransferType::chunk, link, message.transfer);
  writer.varint(message.offset);
  writer.u8(message.last ? chunk_last : std::uint8_t{0});
  writer.blob(message.bytes);
  if (message.last) writer.u64(message.digest);
}

void encode(Writer& writer, LinkId link, const Credit& message) {
  head(writer, TransferType::credit, link, message.transfer);
  writer.varint(message.received);
  writer.varint(message.room);
}

void encode(Writer& writer, LinkId link, const Ack& message) {
  head(writer, TransferType::ack, link, message.transfer);
  writer.u8(static_cast<std::uint8_t>(message.outcome));
  writer.u8(static_cast<std::uint8_t>(message.code));
  writer.varint(message.received);
  writer.varint(message.retry_after_ms);
  writer.text(message.text);
}

void encode(Writer& writer, LinkId link, const Cancel& message) {
  head(writer, TransferType::cancel, link, message.transfer);
  writer.u8(static_cast<std::uint8_t>(message.code));
  writer.text(message.text);
}

DecodedTransfer decode_transfer(ByteView frame, const Limits& limits) noexcept {
  const auto read = [&limits](Reader& reader, DecodedTransfer& decoded, std::uint8_t type) {
    if (reader.ok()) decoded.message = get(reader, type, limits);
  };
  return decode_frame<DecodedTransfer>(frame, limits, read);
}

}  // namespace am::rpc::internal
