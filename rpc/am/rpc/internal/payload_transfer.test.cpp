// Transfers from a sender to a receiver over a network that is two lists of frames.
#include <am/rpc/internal/payload_receiver.hpp>
#include <am/rpc/internal/payload_sender.hpp>

#include <am/rpc/internal/packing.hpp>

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace am::rpc::internal {
namespace {

using namespace std::chrono_literals;
using Time = PayloadSender::TimePoint;

std::byte content_at(std::uint64_t offset) {
  return static_cast<std::byte>((offset * 2654435761U) >> 11U);
}

/// Any number of bytes, of which none is kept.
class Endless final : public PayloadSource {
 public:
  explicit Endless(std::uint64_t size) : size_(size) {}
  std::uint64_t size() const noexcept override { return size_; }
  bool read(std::uint64_t offset, std::span<std::byte> to) override {
    if (fails_at <= offset) return false;
    for (std::size_t i = 0; i < to.size(); ++i) to[i] = content_at(offset + i);
    read_bytes += to.size();
    return true;
  }
  std::uint64_t fails_at = ~std::uint64_t{0};
  std::uint64_t read_bytes = 0;

 private:
  std::uint64_t size_;
};

class Counting final : public PayloadSink {
 public:
  bool write(std::span<const std::byte> bytes) override {
    if (written >= fails_at) return false;
    for (const auto byte : bytes) wrong += byte != content_at(written++) ? 1U : 0U;
    return true;
  }
  void finish() override { ++finished; }
  void abort() override { ++aborted; }
  std::uint64_t fails_at = ~std::uint64_t{0};
  std::uint64_t written = 0;
  std::uint64_t wrong = 0;
  int finished = 0;
  int aborted = 0;
};

class PayloadTransfer : public ::testing::Test {
 protected:
  static constexpr LinkId link = 7;

  void connect(bool pack = false) {
    sender.link_opened(link, pack, now, to_sender_effects());
    receiver.link_opened(link);
    take_frames();
  }
  /// All that is on its way is lost.
  void cut() {
    sender.link_closed();
    receiver.link_closed();
    to_receiver.clear();
    to_sender.clear();
  }
  SenderEffects to_sender_effects() { return {sent, ended}; }
  ReceiverEffects effects() { return {answered, events}; }

  TransferId start(std::uint64_t size, AckLevel ack = AckLevel::accepted) {
    source = std::make_shared<Endless>(size);
    TransferRequest request;
    request.ack = ack;
    request.name = "data";
    request.source = source;
    request.deadline = deadline;
    const auto id = sender.start(std::move(request), now, to_sender_effects());
    take_frames();
    return id.value_or(0);
  }
  void take_frames() {
    for (std::size_t i = 0; i < sent.size(); ++i) {
      to_receiver.emplace_back(sent[i].begin(), sent[i].end());
    }
    for (std::size_t i = 0; i < answered.size(); ++i) {
      to_sender.emplace_back(answered[i].begin(), answered[i].end());
    }
    sent.clear();
    answered.clear();
  }
  void send_chunk() {
    if (!sender.wants_to_send()) return;
    sender.send_chunk(to_sender_effects());
    take_frames();
    std::size_t chunks = 0;
    for (const auto& frame : to_receiver) chunks += is_chunk(frame) ? 1U : 0U;
    EXPECT_LE(chunks, 1U) << "more than one chunk is on its way";
  }
  static bool is_chunk(const Bytes& frame) {
    const auto type = peek(frame)->type;
    return type == packed_type || type == static_cast<std::uint8_t>(TransferType::chunk);
  }
  /// Delivers one frame to each side. False when there was none.
  bool step() {
    send_chunk();
    bool any = false;
    if (!to_receiver.empty()) {
      any = true;
      auto frame = std::move(to_receiver.front());
      to_receiver.pop_front();
      if (peek(frame)->type == packed_type) {
        Bytes plain;
        ASSERT_OR_RETURN(unpack(frame, Limits{}.frame, plain) == Fault::none);
        frame = plain;
        ++packed;
      }
      give_receiver(frame);
    }
    if (!to_sender.empty()) {
      any = true;
      const auto frame = std::move(to_sender.front());
      to_sender.pop_front();
      const auto decoded = decode_transfer(frame, Limits{});
      if (const auto* credit = std::get_if<Credit>(&decoded.message)) {
        sender.on_credit(*credit, now, to_sender_effects());
      } else if (const auto* ack = std::get_if<Ack>(&decoded.message)) {
        sender.on_ack(*ack, now, to_sender_effects());
      }
    }
    take_frames();
    return any;
  }
  void give_receiver(const Bytes& frame) {
    const auto decoded = decode_transfer(frame, Limits{});
    if (const auto* offer = std::get_if<Offer>(&decoded.message)) {
      receiver.on_offer(*offer, now, effects());
    } else if (const auto* chunk = std::get_if<Chunk>(&decoded.message)) {
      receiver.on_chunk(*chunk, now, effects());
    } else if (const auto* cancel = std::get_if<Cancel>(&decoded.message)) {
      receiver.on_cancel(*cancel);
    }
  }
  static bool ASSERT_OR_RETURN(bool holds) {
    EXPECT_TRUE(holds);
    return holds;
  }
  void run() {
    while (step()) {
    }
  }
  void decide(TransferId id, TransferCode code = TransferCode::none, std::string text = {}) {
    receiver.decide(id, code, text, 50ms, now, effects());
    take_frames();
  }
  std::vector<TransferArrived> arrived() const {
    std::vector<TransferArrived> all;
    for (const auto& event : events) {
      if (const auto* arrival = std::get_if<TransferArrived>(&event)) all.push_back(*arrival);
    }
    return all;
  }
  void advance(std::chrono::nanoseconds by) {
    now += by;
    sender.poll(now, to_sender_effects());
    receiver.poll(now, effects());
    take_frames();
  }

  Time now{1h};
  Time deadline = Time::max();
  Outbox sent, answered;
  std::vector<TransferEnded> ended;
  std::vector<ReceiverEvent> events;
  std::deque<Bytes> to_receiver, to_sender;
  int packed = 0;
  std::shared_ptr<Endless> source;
  std::shared_ptr<Counting> sink;
  Admission refusal{};
  ReceiverLimits limits{.memory = 1U << 20U};
  PayloadSender sender{Limits{}};
  PayloadReceiver receiver{
      Limits{}, limits, [this](const TransferInfo&) {
        return refusal.code != TransferCode::none ? refusal : Admission{{}, {}, sink};
      }};
};

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
