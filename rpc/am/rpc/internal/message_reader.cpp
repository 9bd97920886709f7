// Reads messages out of frames.
#include <am/rpc/internal/message_bits.hpp>
#include <am/rpc/internal/messages.hpp>

#include <algorithm>
#include <limits>

namespace am::rpc::internal {

namespace {

std::span<const Extension> get_extensions(Reader& reader, const Limits& limits,
                                          DecodeScratch& scratch) {
  scratch.extensions.clear();
  const std::size_t count = reader.count("extensions", limits.extensions, 2);
  for (std::size_t i = 0; i < count && reader.ok(); ++i) {
    const std::uint64_t id = reader.varint("extension.id");
    scratch.extensions.push_back({id, reader.blob("extension", limits.extension)});
  }
  return scratch.extensions;
}

Hello get_hello(Reader& reader, const Limits& limits, DecodeScratch& scratch) {
  Hello hello;
  const ByteView magic = reader.raw("hello.magic", hello_magic.size());
  if (reader.ok() && !std::ranges::equal(magic, hello_magic)) {
    reader.fail(Fault::magic, "hello.magic");
  }
  hello.version_low = reader.varint("hello.version");
  hello.version_high = reader.varint("hello.version");
  if (hello.version_low == 0 || hello.version_low > hello.version_high) {
    reader.fail(Fault::value, "hello.version");
  }
  // Up to here a hello has the same form in every version; what follows may not.
  if (hello.version_low > max_version || hello.version_high < min_version) {
    reader.fail(Fault::version, "hello.version");
  }
  hello.features = reader.varint("hello.features");
  hello.session = reader.u64("hello.session");
  hello.fingerprint = reader.u64("hello.fingerprint");
  hello.client_id = reader.text("hello.client", limits.id);
  hello.machine_id = reader.text("hello.machine", limits.id);
  hello.extensions = get_extensions(reader, limits, scratch);
  return hello;
}

Mutate get_mutate(Reader& reader, const Limits& limits, DecodeScratch& scratch) {
  Mutate mutate;
  mutate.request = reader.varint("mutate.request");
  if (mutate.request == 0) reader.fail(Fault::value, "mutate.request");
  const std::uint64_t flags = reader.varint("mutate.flags");
  if ((flags & ~mutate_flags) != 0) reader.fail(Fault::value, "mutate.flags");
  const std::uint64_t op = flags & op_bits;
  if (op > static_cast<std::uint64_t>(Op::can_remove)) reader.fail(Fault::value, "mutate.op");
  mutate.op = static_cast<Op>(op);
  std::uint64_t older = 0;
  if ((flags & mutate_has_older) != 0) {
    older = reader.varint("mutate.older");
    if (older == 0 || older >= mutate.request) reader.fail(Fault::value, "mutate.older");
  }
  mutate.lowest_unanswered = mutate.request - older;

  scratch.called.clear();
  const std::size_t count = reader.count("mutate.called", limits.called);
  for (std::size_t i = 0; i < count && reader.ok(); ++i) {
    scratch.called.push_back(static_cast<StateIndex>(
        reader.varint("mutate.state", std::numeric_limits<StateIndex>::max())));
  }
  mutate.called = scratch.called;
  if ((flags & mutate_has_args) != 0) {
    mutate.args = reader.blob("mutate.args", limits.args);
    if (mutate.args.empty()) reader.fail(Fault::value, "mutate.args");
  }
  return mutate;
}

Bye get_bye(Reader& reader) {
  Bye bye;
  bye.code = static_cast<ByeCode>(reader.u8("bye.code"));
  bye.retry_after_ms = reader.varint("bye.retry_after");
  return bye;
}

Pong get_pong(Reader& reader) {
  Pong pong;
  pong.token = reader.varint("pong.token");
  pong.sequence = reader.varint("pong.sequence");
  return pong;
}

Welcome get_welcome(Reader& reader, const Limits& limits, DecodeScratch& scratch) {
  Welcome welcome;
  welcome.version = reader.varint("welcome.version");
  if (welcome.version < min_version || welcome.version > max_version) {
    reader.fail(Fault::version, "welcome.version");
  }
  welcome.features = reader.varint("welcome.features");
  welcome.epoch = reader.u64("welcome.epoch");
  welcome.fingerprint = reader.u64("welcome.fingerprint");
  welcome.machine_id = reader.text("welcome.machine", limits.id);
  welcome.schema = reader.blob("welcome.schema", limits.frame);
  welcome.sequence = reader.varint("welcome.sequence");
  read_snapshot(reader, limits, scratch.clocks, welcome.digest);
  welcome.clocks = scratch.clocks;
  welcome.extensions = get_extensions(reader, limits, scratch);
  return welcome;
}

Refused get_refused(Reader& reader, const Limits& limits) {
  Refused refused;
  refused.code = static_cast<RefuseCode>(reader.u8("refused.code"));
  refused.retry_after_ms = reader.varint("refused.retry_after");
  refused.text = reader.text("refused.text", limits.text);
  return refused;
}

Reply get_reply(Reader& reader, const Limits& limits, DecodeScratch& scratch) {
  Reply reply;
  reply.request = reader.varint("reply.request");
  reply.sequence = reader.varint("reply.sequence");
  const unsigned outcome = reader.u8("reply.outcome");
  const unsigned kind = outcome & kind_bits;
  const unsigned reason = (outcome >> reason_shift) & reason_bits;
  if (kind > last_kind || reason > last_reason) reader.fail(Fault::value, "reply.outcome");
  QueueTick tick;
  if (static_cast<Result::Kind>(kind) == Result::queued) {
    tick = QueueTick{reader.varint("reply.queue_tick")};
  }
  reply.result = Result{static_cast<Result::Kind>(kind), static_cast<Reason>(reason), tick};
  if ((outcome & reply_has_text) != 0) {
    reply.text = reader.text("reply.text", limits.text);
    if (reply.text.empty()) reader.fail(Fault::value, "reply.text");
  }
  read_diff(reader, limits.states, scratch.diff);
  reply.diff = &scratch.diff;
  reply.digest = reader.u32("reply.digest");
  return reply;
}

Push get_push(Reader& reader, const Limits& limits, DecodeScratch& scratch) {
  Push push;
  push.sequence = reader.varint("push.sequence");
  read_diff(reader, limits.states, scratch.diff);
  push.diff = &scratch.diff;
  push.digest = reader.u32("push.digest");
  return push;
}

Logged get_logged(Reader& reader, const Limits& limits, DecodeScratch& scratch) {
  Logged logged;
  logged.sequence = reader.varint("logged.sequence");
  const unsigned flags = reader.u8("logged.flags");
  if ((flags & ~logged_flags) != 0 || (flags & type_bits) > last_type) {
    reader.fail(Fault::value, "logged.flags");
  }
  logged.story.type = static_cast<MutationType>(flags & type_bits);
  logged.story.automatic = (flags & logged_automatic) != 0;
  logged.story.accepted = (flags & logged_canceled) == 0;
  scratch.called.clear();
  const std::size_t count = reader.count("logged.called", limits.called);
  for (std::size_t i = 0; i < count && reader.ok(); ++i) {
    scratch.called.push_back(
        static_cast<StateIndex>(reader.varint("logged.state", limits.states - 1)));
  }
  logged.story.called = scratch.called;
  read_diff(reader, limits.states, scratch.diff);
  logged.diff = &scratch.diff;
  logged.digest = reader.u32("logged.digest");
  return logged;
}

Snapshot get_snapshot(Reader& reader, const Limits& limits, DecodeScratch& scratch) {
  Snapshot snapshot;
  snapshot.sequence = reader.varint("snapshot.sequence");
  snapshot.last_request = reader.varint("snapshot.last_request");
  scratch.running.clear();
  const std::size_t count = reader.count("snapshot.running", limits.frame);
  RequestId before = 0;
  for (std::size_t i = 0; i < count && reader.ok(); ++i) {
    const std::uint64_t distance =
        reader.varint("snapshot.running", snapshot.last_request - before);
    if (distance == 0) reader.fail(Fault::value, "snapshot.running");
    before += distance;
    scratch.running.push_back(before);
  }
  snapshot.running = scratch.running;
  read_snapshot(reader, limits, scratch.clocks, snapshot.digest);
  snapshot.clocks = scratch.clocks;
  return snapshot;
}

Problem get_problem(Reader& reader, const Limits& limits) {
  Problem problem;
  problem.request = reader.varint("error.request");
  problem.code = static_cast<ErrorCode>(reader.u8("error.code"));
  problem.text = reader.text("error.text", limits.text);
  return problem;
}

Choose get_choose(Reader& reader, const Limits& limits) {
  Choose choose;
  choose.token = reader.varint("choose.token");
  choose.choice = reader.blob("choose.choice", limits.extension);
  return choose;
}

Chosen get_chosen(Reader& reader, const Limits& limits, DecodeScratch& scratch) {
  Chosen chosen;
  chosen.token = reader.varint("chosen.token");
  chosen.refusal = reader.text("chosen.refusal", limits.text);
  if (!chosen.refusal.empty()) return chosen;
  chosen.names = reader.blob("chosen.names", limits.frame);
  chosen.snapshot = get_snapshot(reader, limits, scratch);
  return chosen;
}

Message get_client(Reader& reader, std::uint8_t type, const Limits& limits,
                   DecodeScratch& scratch) {
  switch (static_cast<MessageType>(type)) {
    case MessageType::hello: return get_hello(reader, limits, scratch);
    case MessageType::mutate: return get_mutate(reader, limits, scratch);
    case MessageType::sync: return Sync{};
    case MessageType::choose: return get_choose(reader, limits);
    default: reader.fail(Fault::type, "type"); return {};
  }
}

Message get_server(Reader& reader, std::uint8_t type, const Limits& limits,
                   DecodeScratch& scratch) {
  switch (static_cast<MessageType>(type)) {
    case MessageType::welcome: return get_welcome(reader, limits, scratch);
    case MessageType::refused: return get_refused(reader, limits);
    case MessageType::reply: return get_reply(reader, limits, scratch);
    case MessageType::push: return get_push(reader, limits, scratch);
    case MessageType::snapshot: return get_snapshot(reader, limits, scratch);
    case MessageType::error: return get_problem(reader, limits);
    case MessageType::chosen: return get_chosen(reader, limits, scratch);
    case MessageType::logged: return get_logged(reader, limits, scratch);
    default: reader.fail(Fault::type, "type"); return {};
  }
}

Message get(Reader& reader, std::uint8_t type, Sender sender, const Limits& limits,
            DecodeScratch& scratch) {
  switch (static_cast<MessageType>(type)) {
    case MessageType::bye: return get_bye(reader);
    case MessageType::ping: return Ping{reader.varint("ping.token")};
    case MessageType::pong: return get_pong(reader);
    default: break;
  }
  return sender == Sender::client ? get_client(reader, type, limits, scratch)
                                  : get_server(reader, type, limits, scratch);
}

}  // namespace

std::optional<FrameHead> peek(ByteView frame) noexcept {
  Reader reader{frame};
  const std::uint8_t type = reader.u8("type");
  const LinkId link = reader.varint("link");
  if (!reader.ok()) return std::nullopt;
  return FrameHead{type, link};
}

Decoded decode(ByteView frame, Sender sender, const Limits& limits, DecodeScratch& scratch) {
  return decode_frame<Decoded>(frame, limits,
                               [&](Reader& reader, Decoded& decoded, std::uint8_t type) {
                                 decoded.type = type;
                                 if (reader.ok())
                                   decoded.message = get(reader, type, sender, limits, scratch);
                               });
}

}  // namespace am::rpc::internal
