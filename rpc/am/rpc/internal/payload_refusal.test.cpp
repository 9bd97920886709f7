// Transfers that are refused, damaged or given up.
#include <am/rpc/internal/payload_transfer_test.hpp>

namespace am::rpc::internal {
namespace {

TEST_F(PayloadTransfer, RefusedForNowIsOfferedAgainAndItsBytesAreNotSentTwice) {
  connect();
  const auto id = start(3 * chunk_bytes);
  run();
  decide(id, TransferCode::not_now);
  run();
  EXPECT_TRUE(ended.empty());
  advance(49ms);
  EXPECT_FALSE(step());
  advance(1ms);
  run();
  ASSERT_EQ(arrived().size(), 2U);
  decide(id);
  run();
  EXPECT_EQ(ended.at(0).delivery, Delivery::Kind::delivered);
  EXPECT_EQ(source->read_bytes, 3 * chunk_bytes);
}

TEST_F(PayloadTransfer, RefusedByTheConsumerIsNotDelivered) {
  connect();
  const auto id = start(100);
  run();
  decide(id, TransferCode::rejected, "no such file");
  run();
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0].delivery, Delivery::Kind::refused);
  EXPECT_EQ(ended[0].delivery.text, "no such file");
}

TEST_F(PayloadTransfer, NobodyWantsIsRefusedBeforeAnythingIsSent) {
  refusal = {TransferCode::no_consumer, "no consumer", {}};
  connect();
  start(100);
  run();
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0].delivery, Delivery::Kind::refused);
  EXPECT_EQ(source->read_bytes, 0U);
}

TEST_F(PayloadTransfer, AboveTheMemoryIsRefusedAndAtItTaken) {
  connect();
  start((1U << 20U) + 1);
  run();
  EXPECT_EQ(ended.at(0).delivery, Delivery::Kind::refused);
  const auto id = start(1U << 20U);
  run();
  EXPECT_EQ(receiver.memory(), 1U << 20U);
  // What is left of the memory is nothing: the next one waits.
  start(1);
  run();
  EXPECT_EQ(arrived().size(), 1U);
  decide(id);
  run();
  advance(100ms);
  run();
  EXPECT_EQ(arrived().size(), 2U);
}

TEST_F(PayloadTransfer, AboveTheCountIsNotStarted) {
  for (std::size_t i = 0; i < max_transfers; ++i) EXPECT_NE(start(1), 0U);
  EXPECT_EQ(start(1), 0U);
}

TEST_F(PayloadTransfer, ThatIsDamagedIsRefused) {
  connect();
  start(100);
  step();  // the offer
  step();  // the credit
  send_chunk();
  ASSERT_FALSE(to_receiver.empty());
  auto& frame = to_receiver.back();
  frame[frame.size() - 20] ^= std::byte{1};
  run();
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0].delivery, Delivery::Kind::refused);
  EXPECT_TRUE(arrived().empty());
  EXPECT_EQ(receiver.memory(), 0U);
}

TEST_F(PayloadTransfer, EndsWhenItsSourceCannotBeRead) {
  connect();
  start(3 * chunk_bytes);
  source->fails_at = chunk_bytes;
  run();
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0].delivery, Delivery::Kind::failed);
  EXPECT_EQ(receiver.open(), 0U);
}

TEST_F(PayloadTransfer, EndsWhenItsSinkCannotWrite) {
  sink = std::make_shared<Counting>();
  sink->fails_at = chunk_bytes;
  connect();
  start(3 * chunk_bytes);
  run();
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0].delivery, Delivery::Kind::refused);
  EXPECT_EQ(sink->aborted, 1);
}

TEST_F(PayloadTransfer, EndsWhenNothingComesBack) {
  connect();
  start(100);
  to_receiver.clear();
  advance(30s - 1ns);
  EXPECT_TRUE(ended.empty());
  advance(1ns);
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0].delivery, Delivery::Kind::timeout);
}

TEST_F(PayloadTransfer, EndsAtItsDeadlineAlsoWithoutALink) {
  deadline = now + 5s;
  start(100);
  advance(5s);
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0].delivery, Delivery::Kind::timeout);
}

TEST_F(PayloadTransfer, EndsWithItsSession) {
  connect();
  start(100);
  sender.end("gone", to_sender_effects());
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0].delivery, Delivery::Kind::link_lost);
}

TEST_F(PayloadTransfer, OfWhichNothingComesIsForgotten) {
  connect();
  start(3 * chunk_bytes);
  for (int i = 0; i < 2; ++i) step();
  EXPECT_EQ(receiver.open(), 1U);
  now += 60s;
  receiver.poll(now, effects());
  EXPECT_EQ(receiver.open(), 0U);
  EXPECT_EQ(receiver.memory(), 0U);
}

TEST_F(PayloadTransfer, OutOfPlaceIsRefused) {
  connect();
  const auto id = start(3 * chunk_bytes);
  step();
  Bytes bytes(10);
  for (const Chunk& chunk : {Chunk{id, 5, false, bytes, 0}, Chunk{id + 1, 0, false, bytes, 0}}) {
    Bytes frame;
    Writer writer{frame};
    encode(writer, link, chunk);
    give_receiver(frame);
  }
  EXPECT_EQ(receiver.open(), 0U);
  EXPECT_EQ(answered.size(), 2U);
  // And so is a credit for what was never sent.
  start(100);
  sender.on_credit({id + 1, 50, 50}, now, to_sender_effects());
  ASSERT_FALSE(ended.empty());
  EXPECT_EQ(ended.back().delivery, Delivery::Kind::refused);
}

TEST_F(PayloadTransfer, AcknowledgedBeforeAllOfItWasSentIsNotDelivered) {
  connect();
  for (const auto outcome : {AckOutcome::received, AckOutcome::accepted}) {
    for (const auto claimed : {std::uint64_t{0}, chunk_bytes, 3 * chunk_bytes}) {
      const auto id = start(3 * chunk_bytes, AckLevel::received);
      for (int i = 0; i < 3; ++i) step();  // a chunk is there
      ended.clear();
      sender.on_ack({id, outcome, TransferCode::none, claimed}, now, to_sender_effects());
      ASSERT_EQ(ended.size(), 1U);
      EXPECT_EQ(ended[0].delivery, Delivery::Kind::refused);
      take_frames();
      run();
      EXPECT_EQ(receiver.open(), 0U) << "the receiver was not told";
    }
  }
  EXPECT_TRUE(arrived().empty());
  EXPECT_TRUE(sender.empty());
}

}  // namespace
}  // namespace am::rpc::internal
