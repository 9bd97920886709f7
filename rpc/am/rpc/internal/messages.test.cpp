#include <am/rpc/internal/messages.hpp>

#include <am/rpc/internal/schema_codec.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

namespace am::rpc::internal {
namespace {

// One of each kind, with every optional part, in its bytes.
struct Sample {
  const char* name;
  Sender sender;
  Bytes bytes;
};

template <class Message>
Bytes bytes_of(const Message& message, LinkId link = 300) {
  Bytes bytes;
  Writer writer{bytes};
  encode(writer, link, message);
  return bytes;
}

const Diff sample_diff{{{0, 1}, {3, 4}, {200, 70'000}}, 2, 1};
const Clocks sample_clocks{{0, 1, 2, 1000}, 9, 1};
const std::array<StateIndex, 3> sample_called{0, 200, 0};
const std::array<RequestId, 3> sample_running{1, 700, 900};

std::vector<Sample> samples() {
  const auto blob = as_bytes("\x01\x02\x00");
  const std::array<Extension, 2> extensions{Extension{1, blob}, Extension{99, {}}};
  Hello hello;
  hello.features = 3;
  hello.session = 0x1122334455667788U;
  hello.fingerprint = 42;
  hello.client_id = "client";
  hello.machine_id = "worker";
  hello.extensions = extensions;
  Welcome welcome;
  welcome.epoch = 77;
  welcome.fingerprint = 42;
  welcome.machine_id = "worker";
  welcome.schema = blob;
  welcome.sequence = 5;
  welcome.clocks = sample_clocks;
  welcome.digest = digest_of(sample_clocks);
  welcome.extensions = extensions;
  const Result queued{Result::queued, Reason::none, QueueTick{500}};
  const Result canceled{Result::canceled, Reason::handler};
  return {
      {"hello", Sender::client, bytes_of(hello)},
      {"mutate", Sender::client, bytes_of(Mutate{900, Op::toggle, 890, sample_called, blob})},
      {"can_remove", Sender::client, bytes_of(Mutate{1, Op::can_remove, 1, sample_called, {}})},
      {"sync", Sender::client, bytes_of(Sync{})},
      {"bye", Sender::client, bytes_of(Bye{ByeCode::restarting, 500})},
      {"ping", Sender::client, bytes_of(Ping{7})},
      {"pong", Sender::client, bytes_of(Pong{7, 0})},
      {"server bye", Sender::server, bytes_of(Bye{ByeCode::closing, 0})},
      {"welcome", Sender::server, bytes_of(welcome)},
      {"refused", Sender::server, bytes_of(Refused{RefuseCode::busy, 1000, "full"})},
      {"reply", Sender::server, bytes_of(Reply{900, 12, canceled, "text", &sample_diff, 1})},
      {"queued", Sender::server, bytes_of(Reply{900, 12, queued, "", &sample_diff, 1})},
      {"push", Sender::server, bytes_of(Push{13, &sample_diff, 0xAABBCCDD})},
      {"logged", Sender::server,
       bytes_of(Logged{
           13, {MutationType::set, true, false, sample_called}, &sample_diff, 0xAABBCCDD, {}})},
      {"snapshot", Sender::server, bytes_of(Snapshot{14, 900, sample_running, sample_clocks, 1})},
      {"error", Sender::server, bytes_of(Problem{900, ErrorCode::duplicate, "text"})},
  };
}

Bytes encoded_again(const Decoded& decoded) {
  Bytes bytes;
  Writer writer{bytes};
  std::visit(
      [&](const auto& message) {
        if constexpr (!std::is_same_v<std::decay_t<decltype(message)>, std::monostate>) {
          encode(writer, decoded.link, message);
        }
      },
      decoded.message);
  return bytes;
}

// Decodes anything: it must be a fault, or a message in its only form.
bool accepted(ByteView bytes, Sender sender, DecodeScratch& scratch, const Limits& limits = {}) {
  const Decoded decoded = decode(bytes, sender, limits, scratch);
  if (!decoded.ok()) {
    EXPECT_TRUE(std::holds_alternative<std::monostate>(decoded.message));
    EXPECT_STRNE(decoded.field, "");
    return false;
  }
  const Bytes again = encoded_again(decoded);
  EXPECT_TRUE(std::ranges::equal(again, bytes));
  return true;
}

TEST(Messages, EveryMessageComesBackAndHasOneForm) {
  DecodeScratch scratch;
  for (const Sample& sample : samples()) {
    SCOPED_TRACE(sample.name);
    EXPECT_TRUE(accepted(sample.bytes, sample.sender, scratch));
    const auto head = peek(sample.bytes);
    ASSERT_TRUE(head);
    EXPECT_EQ(head->link, 300U);
    EXPECT_EQ(head->type, static_cast<std::uint8_t>(sample.bytes[0]));
  }
}

TEST(Messages, FieldsKeepTheirValues) {
  DecodeScratch scratch;
  const Bytes mutate = bytes_of(Mutate{900, Op::set, 890, sample_called, as_bytes("xyz")});
  const Decoded first = decode(mutate, Sender::client, {}, scratch);
  const auto& request = std::get<Mutate>(first.message);
  EXPECT_EQ(request.request, 900U);
  EXPECT_EQ(request.op, Op::set);
  EXPECT_EQ(request.lowest_unanswered, 890U);
  EXPECT_TRUE(std::ranges::equal(request.called, sample_called));
  EXPECT_TRUE(std::ranges::equal(request.args, as_bytes("xyz")));

  const Result result{Result::queued, Reason::none, QueueTick{500}};
  const Bytes reply = bytes_of(Reply{900, 12, result, "why", &sample_diff, 0xAABBCCDD});
  const Decoded second = decode(reply, Sender::server, {}, scratch);
  const auto& answer = std::get<Reply>(second.message);
  EXPECT_EQ(answer.request, 900U);
  EXPECT_EQ(answer.sequence, 12U);
  EXPECT_EQ(answer.result, result);
  EXPECT_EQ(answer.text, "why");
  EXPECT_EQ(*answer.diff, sample_diff);
  EXPECT_EQ(answer.digest, 0xAABBCCDDU);
}

TEST(Messages, EveryResultComesBack) {
  DecodeScratch scratch;
  for (unsigned kind = 0; kind <= static_cast<unsigned>(Result::unknown); ++kind) {
    for (unsigned reason = 0; reason <= static_cast<unsigned>(Reason::denied); ++reason) {
      const Result result{static_cast<Result::Kind>(kind), static_cast<Reason>(reason)};
      const Diff none;
      const Bytes bytes = bytes_of(Reply{1, 1, result, "", &none, 0});
      const Decoded decoded = decode(bytes, Sender::server, {}, scratch);
      ASSERT_TRUE(decoded.ok());
      EXPECT_EQ(std::get<Reply>(decoded.message).result, result);
    }
  }
}

TEST(Messages, AFrameCutAnywhereIsRefused) {
  DecodeScratch scratch;
  for (const Sample& sample : samples()) {
    SCOPED_TRACE(sample.name);
    for (std::size_t size = 0; size < sample.bytes.size(); ++size) {
      EXPECT_FALSE(accepted(ByteView{sample.bytes}.first(size), sample.sender, scratch));
    }
  }
}

TEST(Messages, AFrameWithBytesAfterItsEndIsRefused) {
  DecodeScratch scratch;
  for (Sample& sample : samples()) {
    sample.bytes.push_back(std::byte{0});
    const Decoded decoded = decode(sample.bytes, sample.sender, {}, scratch);
    EXPECT_EQ(decoded.fault, Fault::trailing) << sample.name;
  }
}

TEST(Messages, OneWrongByteAnywhereGivesAMessageOrAFault) {
  DecodeScratch scratch;
  for (const Sample& sample : samples()) {
    SCOPED_TRACE(sample.name);
    for (std::size_t at = 0; at < sample.bytes.size(); ++at) {
      for (int value = 0; value < 256; ++value) {
        Bytes wrong = sample.bytes;
        wrong[at] = static_cast<std::byte>(value);
        accepted(wrong, sample.sender, scratch);
      }
    }
  }
}

TEST(Messages, RandomBytesGiveAMessageOrAFault) {
  constexpr std::array<int, 12> types{1, 2, 3, 8, 9, 10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16};
  DecodeScratch scratch;
  std::size_t messages = 0;
  for (std::uint64_t seed = 1; seed <= 200'000; ++seed) {
    std::mt19937_64 random{seed};
    Bytes bytes(random() % 24);
    // Mostly small numbers: large ones seldom get past the first length.
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() & (random() % 256));
    if (!bytes.empty()) bytes[0] = static_cast<std::byte>(types[random() % types.size()]);
    const Sender sender = random() % 2 == 0 ? Sender::client : Sender::server;
    if (accepted(bytes, sender, scratch)) ++messages;
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
    // At most a small multiple of the frame.
    ASSERT_LE(scratch.called.capacity() + scratch.running.capacity() +
                  scratch.extensions.capacity() + scratch.diff.changes.capacity() +
                  scratch.clocks.ticks.capacity(),
              5 * 32U)
        << "seed " << seed;
  }
  EXPECT_GT(messages, 1000U);
}

TEST(Messages, ATypeOfTheOtherSideIsUnknown) {
  DecodeScratch scratch;
  for (const Sample& sample : samples()) {
    const auto type = static_cast<MessageType>(sample.bytes[0]);
    if (type == MessageType::bye || type == MessageType::ping || type == MessageType::pong) {
      continue;
    }
    const Sender other = sample.sender == Sender::client ? Sender::server : Sender::client;
    EXPECT_EQ(decode(sample.bytes, other, {}, scratch).fault, Fault::type) << sample.name;
  }
}

TEST(Messages, AFrameAtTheLimitPassesAndOneAboveDoesNot) {
  DecodeScratch scratch;
  const Bytes bytes = bytes_of(Refused{RefuseCode::busy, 0, "full"});
  Limits limits;
  limits.frame = bytes.size();
  EXPECT_TRUE(accepted(bytes, Sender::server, scratch, limits));
  limits.frame = bytes.size() - 1;
  EXPECT_EQ(decode(bytes, Sender::server, limits, scratch).fault, Fault::limit);
}

TEST(Messages, EveryCountAndSizeHasALimit) {
  DecodeScratch scratch;
  const auto fault = [&](const Bytes& bytes, Sender sender, auto member, std::size_t value) {
    Limits limits;
    limits.*member = value;
    return decode(bytes, sender, limits, scratch).fault;
  };
  const Bytes mutate = bytes_of(Mutate{1, Op::add, 1, sample_called, as_bytes("abc")});
  EXPECT_EQ(fault(mutate, Sender::client, &Limits::called, 3), Fault::none);
  EXPECT_EQ(fault(mutate, Sender::client, &Limits::called, 2), Fault::limit);
  EXPECT_EQ(fault(mutate, Sender::client, &Limits::args, 3), Fault::none);
  EXPECT_EQ(fault(mutate, Sender::client, &Limits::args, 2), Fault::limit);
  const std::array<Extension, 2> extensions{Extension{1, as_bytes("abc")}, Extension{2, {}}};
  Hello message;
  message.client_id = "abcd";
  message.extensions = extensions;
  const Bytes hello = bytes_of(message);
  EXPECT_EQ(fault(hello, Sender::client, &Limits::id, 4), Fault::none);
  EXPECT_EQ(fault(hello, Sender::client, &Limits::id, 3), Fault::limit);
  EXPECT_EQ(fault(hello, Sender::client, &Limits::extensions, 2), Fault::none);
  EXPECT_EQ(fault(hello, Sender::client, &Limits::extensions, 1), Fault::limit);
  EXPECT_EQ(fault(hello, Sender::client, &Limits::extension, 3), Fault::none);
  EXPECT_EQ(fault(hello, Sender::client, &Limits::extension, 2), Fault::limit);
  const Bytes refused = bytes_of(Refused{RefuseCode::busy, 0, "full"});
  EXPECT_EQ(fault(refused, Sender::server, &Limits::text, 4), Fault::none);
  EXPECT_EQ(fault(refused, Sender::server, &Limits::text, 3), Fault::limit);
}

TEST(Messages, AHelloOfAnotherVersionIsToldApartFromABrokenOne) {
  DecodeScratch scratch;
  Hello hello;
  hello.version_low = max_version + 1;
  hello.version_high = max_version + 5;
  Bytes bytes = bytes_of(hello);
  bytes.resize(9);  // whatever follows the versions is that version's business
  EXPECT_EQ(decode(bytes, Sender::client, {}, scratch).fault, Fault::version);
  hello.version_low = max_version;
  EXPECT_TRUE(decode(bytes_of(hello), Sender::client, {}, scratch).ok());
  bytes[4] = std::byte{'x'};
  EXPECT_EQ(decode(bytes, Sender::client, {}, scratch).fault, Fault::magic);
}

TEST(Messages, TextsAreCutAtCharacters) {
  EXPECT_EQ(clipped("abc", 3), "abc");
  EXPECT_EQ(clipped("abc", 2), "ab");
  EXPECT_EQ(clipped("a\xC3\xA4", 2), "a");
  EXPECT_EQ(clipped("\xC3\xA4", 1), "");
}

// -- the examples of docs/wire.md ----------------------------------------------------------------

template <class Message>
std::string hex_of(const Message& message) {
  std::string text;
  for (const std::byte byte : bytes_of(message, 1)) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    const auto value = std::to_integer<unsigned>(byte);
    if (!text.empty()) text += ' ';
    text += digits[value >> 4U];
    text += digits[value & 15U];
  }
  return text;
}

// They must not change within a protocol version.
TEST(WireExamples, HaveTheBytesOfTheManual) {
  Hello hello;
  hello.session = 0x0102030405060708U;
  hello.client_id = "c1";
  EXPECT_EQ(hex_of(hello),
            "01 01 61 6D 72 70 01 01 00 08 07 06 05 04 03 02 01 00 00 00 00 00 00 00 "
            "00 02 63 31 00 00");

  const Schema schema{{"Closed", {.remove = {"Open"}}},
                      {"Open", {.remove = {"Closed"}}},
                      {"Exception", {.multi = true}}};
  Bytes schema_bytes;
  Writer writer{schema_bytes};
  ASSERT_TRUE(encode_schema(schema, writer));
  const Clocks first{{1, 0, 0}, 2, 0};
  Welcome welcome;
  welcome.epoch = 0x1112131415161718U;
  welcome.fingerprint = 0x2122232425262728U;
  welcome.machine_id = "door";
  welcome.schema = schema_bytes;
  welcome.clocks = first;
  welcome.digest = digest_of(first);
  EXPECT_EQ(hex_of(welcome),
            "11 01 01 00 18 17 16 15 14 13 12 11 28 27 26 25 24 23 22 21 04 64 6F 6F "
            "72 1E 03 06 43 6C 6F 73 65 64 04 4F 70 65 6E 09 45 78 63 65 70 74 69 6F "
            "6E 10 01 01 10 01 00 02 00 03 01 00 00 02 00 13 CF F1 90 80 EA 48 1F 00");

  const std::array<StateIndex, 1> open{1};
  EXPECT_EQ(hex_of(Mutate{1, Op::add, 1, open, {}}), "02 01 01 00 01 01");
  const Diff both{{{0, 1}, {1, 1}}, 1, 0};
  const Clocks second{{2, 1, 0}, 3, 0};
  EXPECT_EQ(hex_of(Reply{1, 1, Result::executed, "", &both, short_digest(digest_of(second))}),
            "13 01 01 01 00 09 01 01 01 83 56 BF 32");
  const Diff one{{{1, 1}}, 1, 0};
  const Clocks third{{2, 2, 0}, 4, 0};
  EXPECT_EQ(hex_of(Push{2, &one, short_digest(digest_of(third))}), "14 01 02 05 05 01 84 94 F5 D2");
  EXPECT_EQ(hex_of(Sync{}), "03 01");
  EXPECT_EQ(hex_of(Snapshot{3, 1, {}, third, digest_of(third)}),
            "15 01 03 01 00 03 02 02 00 04 00 84 94 F5 D2 68 44 D8 6D");
  EXPECT_EQ(hex_of(Problem{2, ErrorCode::duplicate, "no"}), "16 01 02 03 02 6E 6F");
  EXPECT_EQ(hex_of(Bye{ByeCode::closing, 0}), "08 01 00 00");
}

// -- budgets -------------------------------------------------------------------------------------

constexpr std::size_t zmtp = 2;

TEST(WireBudget, APushOfOneStateTakes13BytesOnTheWire) {
  const Diff diff{{{5, 1}}, 1, 0};
  EXPECT_EQ(bytes_of(Push{16'383, &diff, 1}, 1).size() + zmtp, 13U);
  // Nothing is larger within 128 links, 4,096 states and 16,384 messages: budget 14 + framing.
  const Diff far{{{4095, 3}}, 1, 1};
  EXPECT_LE(bytes_of(Push{16'383, &far, 1}, 127).size(), 14U);
}

TEST(WireBudget, AStepOfTheBenchmarkTakesAtMost40Bytes) {
  // One state with an argument of 4 bytes; the reply moves four states and four queue ticks.
  const std::array<StateIndex, 1> called{6};
  const Bytes mutate = bytes_of(Mutate{10'000, Op::add, 10'000, called, as_bytes("abcd")}, 1);
  const Diff diff{{{6, 2}, {7, 2}, {8, 1}, {10, 1}}, 4, 0};
  const Bytes reply = bytes_of(Reply{10'000, 10'000, Result::executed, "", &diff, 1}, 1);
  EXPECT_EQ(mutate.size() + zmtp, 14U);
  EXPECT_EQ(reply.size() + zmtp, 19U);
  EXPECT_LE(mutate.size() + reply.size() + 2 * zmtp, 40U);
}

}  // namespace
}  // namespace am::rpc::internal
