#include <am/rpc/internal/transfer_messages.hpp>

#include <am/rpc/internal/message_test.hpp>

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace am::rpc::internal {
namespace {

const std::string_view hi = "hi";
const Offer offer{1, TransferKind::payload, AckLevel::accepted, 2, "a.txt", ""};
const Chunk chunk{1, 0, true, as_bytes(hi), 0x0102030405060708};
const Credit credit{1, 0, 2};
const Ack ack{1, AckOutcome::refused, TransferCode::not_now, 2, 100, "busy"};
const Cancel cancel{1, TransferCode::canceled, ""};

TEST(TransferMessages, HaveTheBytesOfThePage) {
  EXPECT_EQ(hex(bytes_of(offer)), "20 01 01 00 01 02 05 61 2E 74 78 74 00");
  EXPECT_EQ(hex(bytes_of(chunk)), "21 01 01 00 01 02 68 69 08 07 06 05 04 03 02 01");
  EXPECT_EQ(hex(bytes_of(credit)), "22 01 01 00 02");
  EXPECT_EQ(hex(bytes_of(ack)), "23 01 01 02 01 02 64 04 62 75 73 79");
  EXPECT_EQ(hex(bytes_of(cancel)), "24 01 01 09 00");
}

TEST(TransferMessages, HaveOneFormAndNoOther) {
  std::mt19937 random(1);
  for (const auto& frame :
       {bytes_of(offer), bytes_of(chunk), bytes_of(credit), bytes_of(ack), bytes_of(cancel)}) {
    const auto decoded = decode_transfer(frame, Limits{});
    ASSERT_TRUE(decoded.ok()) << decoded.field;
    EXPECT_EQ(reencoded(decoded.message), frame);
    for (std::size_t size = 0; size < frame.size(); ++size) {
      EXPECT_FALSE(decode_transfer(ByteView{frame}.first(size), Limits{}).ok());
    }
    for (int i = 0; i < 5000; ++i) {
      auto broken = frame;
      for (int k = 0; k < 2; ++k)
        broken[random() % broken.size()] = static_cast<std::byte>(random());
      const auto other = decode_transfer(broken, Limits{});
      if (!other.ok()) continue;
      auto again = reencoded(other.message);
      again[1] = broken[1];  // the link, which is one byte here
      if (other.link < 128) {
        EXPECT_EQ(again, broken);
      }
    }
  }
}

TEST(TransferMessages, TakeChunksUpToTheLimit) {
  Bytes content(chunk_bytes);
  EXPECT_TRUE(decode_transfer(bytes_of(Chunk{1, 0, false, content, 0}), Limits{}).ok());
  content.push_back({});
  EXPECT_EQ(decode_transfer(bytes_of(Chunk{1, 0, false, content, 0}), Limits{}).fault,
            Fault::limit);
}

}  // namespace
}  // namespace am::rpc::internal
