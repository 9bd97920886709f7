#include <am/rpc/internal/messages.hpp>

#include <am/rpc/internal/message_bits.hpp>

namespace am::rpc::internal {

namespace {

void head(Writer& writer, MessageType type, LinkId link) {
  writer.u8(static_cast<std::uint8_t>(type));
  writer.varint(link);
}

void put_extensions(Writer& writer, std::span<const Extension> extensions) {
  writer.varint(extensions.size());
  for (const Extension& extension : extensions) {
    writer.varint(extension.id);
    writer.blob(extension.bytes);
  }
}

void put_diff(Writer& writer, ByteView encoded, const Diff* diff) {
  if (encoded.empty()) {
    write_diff(writer, *diff);
  } else {
    writer.raw(encoded);
  }
}

void put_snapshot(Writer& writer, const Snapshot& message) {
  writer.varint(message.sequence);
  writer.varint(message.last_request);
  writer.varint(message.running.size());
  RequestId before = 0;
  for (const RequestId request : message.running) {
    writer.varint(request - before);
    before = request;
  }
  write_snapshot(writer, message.clocks, message.digest);
}

}  // namespace

// -- names ---------------------------------------------------------------------------------------

const char* to_string(Op op) noexcept {
  switch (op) {
    case Op::add: return "add";
    case Op::remove: return "remove";
    case Op::set: return "set";
    case Op::toggle: return "toggle";
    case Op::can_add: return "can_add";
    case Op::can_remove: return "can_remove";
  }
  return "?";
}

const char* to_string(RefuseCode code) noexcept {
  switch (code) {
    case RefuseCode::version: return "version";
    case RefuseCode::unknown_machine: return "unknown_machine";
    case RefuseCode::denied: return "denied";
    case RefuseCode::busy: return "busy";
    case RefuseCode::shutting_down: return "shutting_down";
    case RefuseCode::too_large: return "too_large";
    case RefuseCode::choice: return "choice";
  }
  return "?";
}

const char* to_string(ByeCode code) noexcept {
  switch (code) {
    case ByeCode::closing: return "closing";
    case ByeCode::restarting: return "restarting";
    case ByeCode::malformed: return "malformed";
    case ByeCode::protocol: return "protocol";
    case ByeCode::timeout: return "timeout";
    case ByeCode::schema_changed: return "schema_changed";
    case ByeCode::unknown_link: return "unknown_link";
    case ByeCode::overloaded: return "overloaded";
    case ByeCode::machine_gone: return "machine_gone";
  }
  return "?";
}

const char* to_string(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::unknown_message: return "unknown_message";
    case ErrorCode::not_open: return "not_open";
    case ErrorCode::duplicate: return "duplicate";
  }
  return "?";
}

std::string_view clipped(std::string_view text, std::size_t max) noexcept {
  if (text.size() <= max) return text;
  // Bytes 10xxxxxx continue a character.
  while (max > 0 && (static_cast<unsigned char>(text[max]) & 0xC0U) == 0x80U) --max;
  return text.substr(0, max);
}

// -- encoding ------------------------------------------------------------------------------------

void encode(Writer& writer, LinkId link, const Hello& message) {
  head(writer, MessageType::hello, link);
  writer.raw(hello_magic);
  writer.varint(message.version_low);
  writer.varint(message.version_high);
  writer.varint(message.features);
  writer.u64(message.session);
  writer.u64(message.fingerprint);
  writer.text(message.client_id);
  writer.text(message.machine_id);
  put_extensions(writer, message.extensions);
}

void encode(Writer& writer, LinkId link, const Mutate& message) {
  head(writer, MessageType::mutate, link);
  writer.varint(message.request);
  const std::uint64_t older = message.request - message.lowest_unanswered;
  writer.varint(static_cast<std::uint64_t>(message.op) |
                (message.args.empty() ? 0 : mutate_has_args) | (older == 0 ? 0 : mutate_has_older));
  if (older != 0) writer.varint(older);
  writer.varint(message.called.size());
  for (const StateIndex index : message.called) writer.varint(index);
  if (!message.args.empty()) writer.blob(message.args);
}

void encode(Writer& writer, LinkId link, const Sync&) { head(writer, MessageType::sync, link); }

void encode(Writer& writer, LinkId link, const Bye& message) {
  head(writer, MessageType::bye, link);
  writer.u8(static_cast<std::uint8_t>(message.code));
  writer.varint(message.retry_after_ms);
}

void encode(Writer& writer, LinkId link, const Ping& message) {
  head(writer, MessageType::ping, link);
  writer.varint(message.token);
}

void encode(Writer& writer, LinkId link, const Pong& message) {
  head(writer, MessageType::pong, link);
  writer.varint(message.token);
  writer.varint(message.sequence);
}

void encode(Writer& writer, LinkId link, const Welcome& message) {
  head(writer, MessageType::welcome, link);
  writer.varint(message.version);
  writer.varint(message.features);
  writer.u64(message.epoch);
  writer.u64(message.fingerprint);
  writer.text(message.machine_id);
  writer.blob(message.schema);
  writer.varint(message.sequence);
  write_snapshot(writer, message.clocks, message.digest);
  put_extensions(writer, message.extensions);
}

void encode(Writer& writer, LinkId link, const Refused& message) {
  head(writer, MessageType::refused, link);
  writer.u8(static_cast<std::uint8_t>(message.code));
  writer.varint(message.retry_after_ms);
  writer.text(message.text);
}

void encode(Writer& writer, LinkId link, const Reply& message) {
  head(writer, MessageType::reply, link);
  writer.varint(message.request);
  writer.varint(message.sequence);
  const unsigned outcome = static_cast<unsigned>(message.result.kind()) |
                           (static_cast<unsigned>(message.result.reason()) << reason_shift) |
                           (message.text.empty() ? 0U : reply_has_text);
  writer.u8(static_cast<std::uint8_t>(outcome));
  if (message.result == Result::queued) writer.varint(message.result.queue_tick().value);
  if (!message.text.empty()) writer.text(message.text);
  put_diff(writer, message.encoded, message.diff);
  writer.u32(message.digest);
}

void encode(Writer& writer, LinkId link, const Push& message) {
  head(writer, MessageType::push, link);
  writer.varint(message.sequence);
  put_diff(writer, message.encoded, message.diff);
  writer.u32(message.digest);
}

void encode(Writer& writer, LinkId link, const Logged& message) {
  head(writer, MessageType::logged, link);
  writer.varint(message.sequence);
  writer.u8(static_cast<std::uint8_t>(static_cast<unsigned>(message.story.type) |
                                      (message.story.automatic ? logged_automatic : 0U) |
                                      (message.story.accepted ? 0U : logged_canceled)));
  writer.varint(message.story.called.size());
  for (const StateIndex index : message.story.called) writer.varint(index);
  put_diff(writer, message.encoded, message.diff);
  writer.u32(message.digest);
}

void encode(Writer& writer, LinkId link, const Snapshot& message) {
  head(writer, MessageType::snapshot, link);
  put_snapshot(writer, message);
}

void encode(Writer& writer, LinkId link, const Choose& message) {
  head(writer, MessageType::choose, link);
  writer.varint(message.token);
  writer.blob(message.choice);
}

void encode(Writer& writer, LinkId link, const Chosen& message) {
  head(writer, MessageType::chosen, link);
  writer.varint(message.token);
  writer.text(message.refusal);
  if (!message.refusal.empty()) return;
  writer.blob(message.names);
  put_snapshot(writer, message.snapshot);
}

void encode(Writer& writer, LinkId link, const Problem& message) {
  head(writer, MessageType::error, link);
  writer.varint(message.request);
  writer.u8(static_cast<std::uint8_t>(message.code));
  writer.text(message.text);
}

}  // namespace am::rpc::internal
