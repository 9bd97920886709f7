#include <am/rpc/internal/bytes.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <initializer_list>
#include <limits>

namespace am::rpc::internal {
namespace {

constexpr std::uint64_t max_u64 = std::numeric_limits<std::uint64_t>::max();

Bytes bytes_of(std::initializer_list<int> values) {
  Bytes bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

Bytes varint_of(std::uint64_t value) {
  Bytes bytes;
  Writer{bytes}.varint(value);
  return bytes;
}

Fault varint_fault(const Bytes& bytes) {
  Reader reader{bytes};
  reader.varint("x");
  return reader.fault();
}

TEST(Bytes, VarintsTakeSevenBitsPerByte) {
  EXPECT_EQ(varint_of(0), bytes_of({0}));
  EXPECT_EQ(varint_of(127), bytes_of({0x7F}));
  EXPECT_EQ(varint_of(128), bytes_of({0x80, 0x01}));
  EXPECT_EQ(varint_of(16383), bytes_of({0xFF, 0x7F}));
  EXPECT_EQ(varint_of(16384).size(), 3U);
  EXPECT_EQ(varint_of(max_u64).size(), max_varint_bytes);
}

TEST(Bytes, EveryVarintComesBack) {
  for (unsigned bit = 0; bit < 64; ++bit) {
    for (const std::uint64_t value : {(std::uint64_t{1} << bit) - 1, std::uint64_t{1} << bit}) {
      const Bytes bytes = varint_of(value);
      Reader reader{bytes};
      EXPECT_EQ(reader.varint("x"), value);
      EXPECT_TRUE(reader.finish());
    }
  }
  EXPECT_EQ(Reader{varint_of(max_u64)}.varint("x"), max_u64);
}

TEST(Bytes, AVarintThatIsLongerThanItsValueIsRefused) {
  EXPECT_EQ(varint_fault(bytes_of({0x80, 0x00})), Fault::overlong);
  EXPECT_EQ(varint_fault(bytes_of({0xFF, 0x80, 0x00})), Fault::overlong);
}

TEST(Bytes, AVarintOfMoreThan64BitsIsRefused) {
  Bytes bytes(9, std::byte{0xFF});
  bytes.push_back(std::byte{0x01});
  EXPECT_EQ(varint_fault(bytes), Fault::none);
  bytes.back() = std::byte{0x02};
  EXPECT_EQ(varint_fault(bytes), Fault::overlong);
  EXPECT_EQ(varint_fault(Bytes(11, std::byte{0xFF})), Fault::overlong);
}

TEST(Bytes, AnUnfinishedVarintIsTruncated) {
  EXPECT_EQ(varint_fault({}), Fault::truncated);
  EXPECT_EQ(varint_fault(bytes_of({0x80})), Fault::truncated);
}

TEST(Bytes, AVarintAtItsLimitPasses) {
  const Bytes bytes = varint_of(300);
  EXPECT_EQ(Reader{bytes}.varint("x", 300), 300U);
  Reader reader{bytes};
  EXPECT_EQ(reader.varint("x", 299), 0U);
  EXPECT_EQ(reader.fault(), Fault::limit);
}

TEST(Bytes, ZigzagKeepsSmallNumbersOfBothSignsShort) {
  for (const std::int64_t value :
       {std::int64_t{0}, std::int64_t{-1}, std::int64_t{63}, std::int64_t{-64},
        std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()}) {
    Bytes bytes;
    Writer{bytes}.zigzag(value);
    if (value >= -64 && value <= 63) {
      EXPECT_EQ(bytes.size(), 1U);
    }
    EXPECT_EQ(Reader{bytes}.zigzag("x"), value);
  }
}

TEST(Bytes, FixedNumbersAreLittleEndian) {
  Bytes bytes;
  Writer writer{bytes};
  writer.u8(0xFE);
  writer.u32(0x01020304);
  writer.u64(0x05060708090A0B0CU);
  EXPECT_EQ(bytes, bytes_of({0xFE, 4, 3, 2, 1, 12, 11, 10, 9, 8, 7, 6, 5}));
  Reader reader{bytes};
  EXPECT_EQ(reader.u8("a"), 0xFEU);
  EXPECT_EQ(reader.u32("b"), 0x01020304U);
  EXPECT_EQ(reader.u64("c"), 0x05060708090A0B0CU);
  EXPECT_TRUE(reader.finish());
}

TEST(Bytes, TextsAndBlobsHaveALengthAndALimit) {
  Bytes bytes;
  Writer{bytes}.text("abc");
  EXPECT_EQ(bytes, bytes_of({3, 'a', 'b', 'c'}));
  EXPECT_EQ(Reader{bytes}.text("x", 3), "abc");
  Reader reader{bytes};
  EXPECT_EQ(reader.text("x", 2), "");
  EXPECT_EQ(reader.fault(), Fault::limit);
}

TEST(Bytes, ALengthBeyondTheBytesIsTruncated) {
  const Bytes bytes = bytes_of({4, 'a', 'b', 'c'});
  Reader reader{bytes};
  EXPECT_TRUE(reader.blob("x", 100).empty());
  EXPECT_EQ(reader.fault(), Fault::truncated);
}

TEST(Bytes, ACountIsBoundedByWhatItsElementsNeed) {
  const Bytes bytes = bytes_of({2, 0, 0, 0, 0, 0});
  EXPECT_EQ(Reader{bytes}.count("x", 10, 2), 2U);
  Reader reader{bytes};
  EXPECT_EQ(reader.count("x", 10, 3), 0U);
  EXPECT_EQ(reader.fault(), Fault::truncated);
}

TEST(Bytes, TheFirstFaultSticks) {
  const Bytes bytes = bytes_of({1, 2, 3});
  Reader reader{bytes};
  EXPECT_EQ(reader.u8("first"), 1U);
  EXPECT_EQ(reader.u64("second"), 0U);
  EXPECT_EQ(reader.u8("third"), 0U);
  reader.fail(Fault::value, "fourth");
  EXPECT_FALSE(reader.finish());
  EXPECT_EQ(reader.fault(), Fault::truncated);
  EXPECT_STREQ(reader.field(), "second");
  EXPECT_EQ(reader.remaining(), 0U);
}

TEST(Bytes, BytesAfterTheLastFieldAreAFault) {
  const Bytes bytes = bytes_of({1, 2});
  Reader reader{bytes};
  reader.u8("x");
  EXPECT_FALSE(reader.finish());
  EXPECT_EQ(reader.fault(), Fault::trailing);
}

TEST(Bytes, AWriterStopsAtItsLimitAndSaysSo) {
  Bytes bytes;
  Writer writer{bytes, 4};
  writer.u32(1);
  EXPECT_TRUE(writer.ok());
  writer.u8(1);
  EXPECT_FALSE(writer.ok());
  writer.raw({});
  EXPECT_FALSE(writer.ok());
  EXPECT_EQ(bytes.size(), 4U);
}

}  // namespace
}  // namespace am::rpc::internal
