#include <am/rpc/internal/wait_messages.hpp>

#include <am/rpc/internal/message_bits.hpp>

namespace am::rpc::internal {

namespace {

constexpr std::uint8_t asked_again = 0x01;

void head(Writer& writer, WaitType type, LinkId link) {
  writer.u8(static_cast<std::uint8_t>(type));
  writer.varint(link);
}

void put_error(Writer& writer, const SourceError& error) {
  writer.text(error.message);
  writer.text(error.where);
}

SourceError get_error(Reader& reader, const Limits& limits) noexcept {
  SourceError error;
  error.message = reader.text("error.message", limits.text);
  error.where = reader.text("error.where", limits.id);
  return error;
}

WaitAsked get_ask(Reader& reader, const Limits& limits) noexcept {
  WaitAsked ask;
  ask.wait = reader.varint("ask.wait");
  const std::uint8_t flags = reader.u8("ask.flags");
  if ((flags & ~asked_again) != 0) reader.fail(Fault::value, "ask.flags");
  ask.again = (flags & asked_again) != 0;
  ask.state = static_cast<StateIndex>(reader.varint("ask.state", limits.states - 1));
  if (ask.again) ask.tick = reader.varint("ask.tick");
  ask.args = reader.blob("ask.args", max_wait_args);
  return ask;
}

WaitAnswered get_answer(Reader& reader) noexcept {
  WaitAnswered answer;
  answer.wait = reader.varint("waited.wait");
  const std::uint8_t outcome = reader.u8("waited.outcome");
  if (outcome > static_cast<std::uint8_t>(WaitOutcome::refused)) {
    reader.fail(Fault::value, "waited.outcome");
  }
  answer.outcome = static_cast<WaitOutcome>(outcome);
  return answer;
}

WaitMessage get(Reader& reader, std::uint8_t type, const Limits& limits) noexcept {
  switch (static_cast<WaitType>(type)) {
    case WaitType::ask: return get_ask(reader, limits);
    case WaitType::forget: return WaitForgotten{reader.varint("forget.wait")};
    case WaitType::waited: return get_answer(reader);
    case WaitType::error: return get_error(reader, limits);
  }
  reader.fail(Fault::type, "type");
  return {};
}

}  // namespace

void encode(Writer& writer, LinkId link, const WaitAsked& message) {
  head(writer, WaitType::ask, link);
  writer.varint(message.wait);
  writer.u8(message.again ? asked_again : std::uint8_t{0});
  writer.varint(message.state);
  if (message.again) writer.varint(message.tick);
  writer.blob(message.args);
}

void encode(Writer& writer, LinkId link, const WaitForgotten& message) {
  head(writer, WaitType::forget, link);
  writer.varint(message.wait);
}

void encode(Writer& writer, LinkId link, const WaitAnswered& message) {
  head(writer, WaitType::waited, link);
  writer.varint(message.wait);
  writer.u8(static_cast<std::uint8_t>(message.outcome));
}

void encode(Writer& writer, LinkId link, const SourceError& message) {
  head(writer, WaitType::error, link);
  put_error(writer, message);
}

Bytes encode_error(const SourceError& error, const Limits& limits) {
  Bytes bytes;
  Writer writer(bytes);
  put_error(writer, {clipped(error.message, limits.text), clipped(error.where, limits.id)});
  return bytes;
}

bool decode_error(ByteView bytes, const Limits& limits, SourceError& error) noexcept {
  Reader reader(bytes);
  error = get_error(reader, limits);
  return reader.finish();
}

DecodedWait decode_wait(ByteView frame, const Limits& limits) noexcept {
  return decode_frame<DecodedWait>(
      frame, limits, [&limits](Reader& reader, DecodedWait& decoded, std::uint8_t type) {
        if (reader.ok()) decoded.message = get(reader, type, limits);
      });
}

}  // namespace am::rpc::internal
