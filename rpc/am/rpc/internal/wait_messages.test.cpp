#include <am/rpc/internal/wait_messages.hpp>

#include <am/rpc/internal/message_test.hpp>

#include <gtest/gtest.h>

#include <string>

namespace am::rpc::internal {
namespace {

const WaitAsked ask{1, false, 1, 0, {}};
const WaitAsked again{2, true, 1, 3, as_bytes("?")};
const WaitForgotten forget{1};
const WaitAnswered waited{1, WaitOutcome::fired};
const SourceError error{"no", "OpenState"};

TEST(WaitMessages, HaveTheBytesOfThePage) {
  EXPECT_EQ(hex(bytes_of(ask)), "30 01 01 00 01 00");
  EXPECT_EQ(hex(bytes_of(again)), "30 01 02 01 01 03 01 3F");
  EXPECT_EQ(hex(bytes_of(forget)), "31 01 01");
  EXPECT_EQ(hex(bytes_of(waited)), "32 01 01 01");
  EXPECT_EQ(hex(bytes_of(error)), "33 01 02 6E 6F 09 4F 70 65 6E 53 74 61 74 65");
}

TEST(WaitMessages, HaveOneFormAndNoOther) {
  for (const auto& frame :
       {bytes_of(ask), bytes_of(again), bytes_of(forget), bytes_of(waited), bytes_of(error)}) {
    const auto whole = decode_wait(frame, {});
    ASSERT_TRUE(whole.ok()) << whole.field;
    EXPECT_EQ(whole.link, 1U);
    EXPECT_EQ(reencoded(whole.message), frame);
    auto longer = frame;
    longer.push_back(std::byte{0});
    EXPECT_FALSE(decode_wait(longer, {}).ok());
    for (std::size_t cut = 0; cut < frame.size(); ++cut) {
      EXPECT_FALSE(decode_wait({frame.data(), cut}, {}).ok()) << cut;
    }
  }
}

TEST(WaitMessages, AreRefusedAboveTheirLimits) {
  const Bytes many(max_wait_args + 1);
  EXPECT_EQ(decode_wait(bytes_of(WaitAsked{1, false, 1, 0, many}), {}).fault, Fault::limit);
  const std::string text(Limits{}.text + 1, 'x');
  EXPECT_EQ(decode_wait(bytes_of(SourceError{text, ""}), {}).fault, Fault::limit);
  EXPECT_EQ(decode_wait(bytes_of(WaitAsked{1, false, 4096, 0, {}}), {}).fault, Fault::limit);
}

TEST(WaitMessages, AnErrorOfAWelcomeIsCutToItsLimits) {
  const std::string text(3 * Limits{}.text, 'x');
  const auto bytes = encode_error({text, text}, {});
  SourceError read;
  ASSERT_TRUE(decode_error(bytes, {}, read));
  EXPECT_EQ(read.message.size(), Limits{}.text);
  EXPECT_EQ(read.where.size(), Limits{}.id);
  EXPECT_FALSE(decode_error(ByteView{bytes}.first(5), {}, read));
}

}  // namespace
}  // namespace am::rpc::internal
