// Transfers from a sender to a receiver over a network that is two lists of frames.
#pragma once

#include <am/rpc/internal/packing.hpp>
#include <am/rpc/internal/payload_receiver.hpp>
#include <am/rpc/internal/payload_sender.hpp>

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace am::rpc::internal {

using namespace std::chrono_literals;
using Time = PayloadSender::TimePoint;

inline std::byte content_at(std::uint64_t offset) {
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

}  // namespace am::rpc::internal
