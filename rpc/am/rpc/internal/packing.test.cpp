#include <am/rpc/internal/packing.hpp>

#include <am/rpc/internal/clock_codec.hpp>
#include <am/rpc/internal/schema_codec.hpp>
#include <am/rpc/internal/transfer_messages.hpp>

#include <gtest/gtest.h>

#include <zstd.h>

#include <random>
#include <string>

namespace am::rpc::internal {
namespace {

Bytes chunk_of(const Bytes& content) {
  Bytes frame;
  Writer writer{frame};
  encode(writer, 3, Chunk{1, 0, false, content, 0});
  return frame;
}

Bytes packed_frame(LinkId link, std::uint64_t size, ByteView body) {
  Bytes frame;
  Writer writer{frame};
  writer.u8(packed_type);
  writer.varint(link);
  writer.varint(size);
  writer.raw(body);
  return frame;
}

Bytes compressed(ByteView plain) {
  Bytes out(ZSTD_compressBound(plain.size()));
  out.resize(ZSTD_compress(out.data(), out.size(), plain.data(), plain.size(), 1));
  return out;
}

TEST(Packing, GivesTheFrameBack) {
  const auto frame = chunk_of(Bytes(60'000, std::byte{'x'}));
  Bytes packed, plain;
  ASSERT_TRUE(pack(frame, packed));
  EXPECT_LT(packed.size(), 200U);
  EXPECT_EQ(peek(packed)->link, 3U);
  ASSERT_EQ(unpack(packed, 1U << 20U, plain), Fault::none);
  EXPECT_EQ(plain, frame);
}

TEST(Packing, LeavesSmallFramesAlone) {
  auto frame = chunk_of(Bytes(packing_threshold - 1 - chunk_of({}).size() - 1, std::byte{'x'}));
  ASSERT_EQ(frame.size(), packing_threshold - 1);
  Bytes out;
  EXPECT_FALSE(pack(frame, out));
  EXPECT_TRUE(out.empty());
  frame.push_back(std::byte{'x'});
  EXPECT_TRUE(pack(frame, out));
}

TEST(Packing, LeavesAloneWhatDoesNotBecomeSmaller) {
  std::mt19937 random(1);
  Bytes noise(60'000);
  for (auto& byte : noise) byte = static_cast<std::byte>(random());
  Bytes out;
  EXPECT_FALSE(pack(chunk_of(noise), out));
  EXPECT_TRUE(out.empty());
}

TEST(Packing, IsNeverForDiffs) {
  for (const auto type : {MessageType::push, MessageType::reply, MessageType::mutate,
                          MessageType::hello, MessageType::error}) {
    Bytes frame(5000, std::byte{0});
    frame[0] = static_cast<std::byte>(type);
    Bytes out;
    EXPECT_FALSE(pack(frame, out));
    EXPECT_EQ(unpack(packed_frame(0, frame.size(), compressed(frame)), 1U << 20U, out),
              Fault::value);
    EXPECT_TRUE(out.empty());
  }
}

TEST(Packing, OfMoreThanTheLimitIsRefusedBeforeMemoryIsTaken) {
  const auto frame = chunk_of(Bytes(60'000, std::byte{'x'}));
  Bytes packed, out;
  ASSERT_TRUE(pack(frame, packed));
  EXPECT_EQ(unpack(packed, frame.size() - 1, out), Fault::limit);
  EXPECT_EQ(out.capacity(), 0U);
  EXPECT_EQ(unpack(packed, frame.size(), out), Fault::none);
}

TEST(Packing, OfABombWritesNoMoreThanItSaid) {
  // 64 MiB of zeros in a few kilobytes, announced as two.
  Bytes bomb(std::size_t{64} << 20U, std::byte{0});
  bomb[0] = static_cast<std::byte>(MessageType::snapshot);
  const auto body = compressed(bomb);
  ASSERT_LT(body.size(), 10'000U);
  Bytes out;
  EXPECT_EQ(unpack(packed_frame(0, 2048, body), 1U << 20U, out), Fault::value);
  EXPECT_TRUE(out.empty());
  EXPECT_LE(out.capacity(), 2048U);
}

TEST(Packing, OfLessThanItSaidOfAnotherLinkOrOfItselfIsRefused) {
  const auto frame = chunk_of(Bytes(5000, std::byte{'x'}));
  Bytes out;
  EXPECT_EQ(unpack(packed_frame(3, frame.size() + 1, compressed(frame)), 1U << 20U, out),
            Fault::value);
  EXPECT_EQ(unpack(packed_frame(4, frame.size(), compressed(frame)), 1U << 20U, out), Fault::value);
  Bytes twice = packed_frame(3, frame.size(), compressed(frame));
  twice.resize(2000);
  EXPECT_EQ(unpack(packed_frame(3, twice.size(), compressed(twice)), 1U << 20U, out), Fault::value);
  EXPECT_TRUE(out.empty());
}

TEST(Packing, OfAnyBytesIsTotal) {
  std::mt19937 random(2);
  const auto frame = chunk_of(Bytes(5000, std::byte{'x'}));
  Bytes packed;
  ASSERT_TRUE(pack(frame, packed));
  for (int i = 0; i < 3000; ++i) {
    auto broken = packed;
    broken[random() % broken.size()] ^= static_cast<std::byte>(1U + random() % 255);
    if (i % 3 == 0) broken.resize(random() % broken.size());
    Bytes out;
    if (unpack(broken, 8192, out) != Fault::none) {
      EXPECT_TRUE(out.empty());
    }
  }
}

TEST(Packing, MakesASchemaOfAThousandStatesSmall) {
  std::vector<am::Schema::Entry> states;
  for (int i = 0; i < 1000; ++i) {
    am::State state;
    if (i > 0) state.require = {"Worker" + std::to_string(i - 1) + "Ready"};
    states.push_back({"Worker" + std::to_string(i) + "Ready", state});
  }
  const am::Schema schema(std::move(states));
  const am::CompiledSchema compiled(schema);
  Bytes frame;
  Writer writer{frame};
  writer.u8(static_cast<std::uint8_t>(MessageType::welcome));
  writer.varint(1);
  encode_schema(compiled.schema(), writer);
  Bytes packed;
  ASSERT_TRUE(pack(frame, packed));
  RecordProperty("plain", static_cast<int>(frame.size()));
  RecordProperty("packed", static_cast<int>(packed.size()));
  EXPECT_LT(packed.size(), frame.size() / 2);
}

}  // namespace
}  // namespace am::rpc::internal
