// Transfers that arrive, and those that go on later.
#include <am/rpc/internal/payload_transfer_test.hpp>

namespace am::rpc::internal {
namespace {

TEST_F(PayloadTransfer, BringsAllBytesAndTellsWhenTheyAreAccepted) {
  connect();
  const auto id = start(200'000);
  run();
  ASSERT_EQ(arrived().size(), 1U);
  const auto data = arrived()[0].data;
  ASSERT_EQ(data.size(), 200'000U);
  for (std::size_t i = 0; i < data.size(); ++i) ASSERT_EQ(data[i], content_at(i)) << i;
  EXPECT_TRUE(ended.empty());
  decide(id);
  run();
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0].delivery, Delivery::Kind::delivered);
  EXPECT_EQ(receiver.memory(), 0U);
}

TEST_F(PayloadTransfer, IsDeliveredOnArrivalWhenThatIsEnough) {
  connect();
  start(10, AckLevel::received);
  run();
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0].delivery, Delivery::Kind::delivered);
}

TEST_F(PayloadTransfer, OfNothingArrivesToo) {
  connect();
  const auto id = start(0);
  run();
  ASSERT_EQ(arrived().size(), 1U);
  decide(id);
  run();
  EXPECT_EQ(ended.at(0).delivery, Delivery::Kind::delivered);
}

TEST_F(PayloadTransfer, LargerThanTheMemoryTakesNoneOfItWithASink) {
  sink = std::make_shared<Counting>();
  connect();
  const auto id = start(std::uint64_t{8} << 20U);  // far above the receiver's memory
  while (step()) ASSERT_EQ(receiver.memory(), 0U);
  decide(id);
  run();
  EXPECT_EQ(ended.at(0).delivery, Delivery::Kind::delivered);
  EXPECT_EQ(sink->written, source->size());
  EXPECT_EQ(sink->wrong, 0U);
  EXPECT_EQ(sink->finished, 1);
}

TEST_F(PayloadTransfer, GoesOnAfterALostLinkFromWhatHasArrived) {
  sink = std::make_shared<Counting>();
  connect();
  const std::uint64_t size = 20 * chunk_bytes + 5;
  const auto id = start(size);
  std::size_t steps = 0;
  // Cut at every place of the conversation: before and after chunks, before and after credits.
  while (ended.empty() && steps < 1000) {
    for (std::size_t i = 0; i < 3 + steps % 4; ++i) step();
    ++steps;
    cut();
    connect();
    if (!arrived().empty()) decide(id);
  }
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0].delivery, Delivery::Kind::delivered);
  EXPECT_EQ(sink->written, size);
  EXPECT_EQ(sink->wrong, 0U);
  // Chunks that were lost are read again, no others.
  EXPECT_LE(source->read_bytes, 3 * size);
  EXPECT_EQ(arrived().size(), 1U);
}

TEST_F(PayloadTransfer, ThatWasAcceptedWhileNobodyListenedIsNotDeliveredTwice) {
  connect();
  const auto id = start(100);
  run();
  cut();
  decide(id);
  connect();
  run();
  EXPECT_EQ(arrived().size(), 1U);
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0].delivery, Delivery::Kind::delivered);
}

TEST_F(PayloadTransfer, ThatIsForgottenByTheReceiverStartsOver) {
  sink = std::make_shared<Counting>();
  connect();
  start(5 * chunk_bytes);
  for (int i = 0; i < 4; ++i) step();
  cut();
  receiver.reset();
  EXPECT_EQ(sink->aborted, 1);
  sink = std::make_shared<Counting>();
  connect();
  run();
  EXPECT_EQ(sink->written, 5 * chunk_bytes);
  EXPECT_EQ(sink->wrong, 0U);
}

TEST_F(PayloadTransfer, CanBeCanceledByTheSender) {
  connect();
  const auto id = start(3 * chunk_bytes);
  for (int i = 0; i < 2; ++i) step();
  sender.cancel(id, Delivery::Kind::failed, TransferCode::canceled, "never mind",
                to_sender_effects());
  take_frames();
  run();
  EXPECT_EQ(receiver.open(), 0U);
  EXPECT_EQ(ended.size(), 1U);
}

TEST_F(PayloadTransfer, SharesTheConnectionChunkByChunk) {
  connect();
  start(4 * chunk_bytes);
  start(1);
  // The small one does not wait for all of the large one.
  for (int i = 0; i < 5; ++i) step();
  ASSERT_EQ(arrived().size(), 1U);
  EXPECT_EQ(arrived()[0].info.size, 1U);
}

TEST_F(PayloadTransfer, OfTextTravelsPacked) {
  class Text final : public PayloadSource {
   public:
    std::uint64_t size() const noexcept override { return 3 * chunk_bytes; }
    bool read(std::uint64_t offset, std::span<std::byte> to) override {
      const std::string_view line = "the quick brown fox jumps over the lazy dog\n";
      for (std::size_t i = 0; i < to.size(); ++i) {
        to[i] = static_cast<std::byte>(line[(offset + i) % line.size()]);
      }
      return true;
    }
  };
  connect(true);
  TransferRequest request;
  request.source = std::make_shared<Text>();
  sender.start(std::move(request), now, to_sender_effects());
  take_frames();
  run();
  EXPECT_EQ(packed, 3);
  ASSERT_EQ(arrived().size(), 1U);
  EXPECT_EQ(arrived()[0].data.size(), 3 * chunk_bytes);
}

}  // namespace
}  // namespace am::rpc::internal
