// The receiver of transfers, and a sender that keeps to the rules only when it likes.
#include "target.hpp"

#include <am/rpc/internal/payload_receiver.hpp>

#include <algorithm>
#include <map>

namespace {

namespace rpc = am::rpc::internal;
using fuzz::require;

constexpr rpc::LinkId link_id = 7;

/// Must be finished or aborted once, and nothing is written afterwards.
class Sink final : public am::rpc::PayloadSink {
 public:
  explicit Sink(std::uint64_t fails_at) : fails_at_(fails_at) {}
  ~Sink() override { require(ends_ == 1); }
  bool write(std::span<const std::byte> bytes) override {
    require(ends_ == 0 && !bytes.empty());
    written_ += bytes.size();
    return written_ < fails_at_;
  }
  void finish() override { require(++ends_ == 1); }
  void abort() override { require(++ends_ == 1); }

 private:
  std::uint64_t fails_at_;
  std::uint64_t written_ = 0;
  int ends_ = 0;
};

rpc::ReceiverLimits limits() {
  rpc::ReceiverLimits limits;
  limits.bytes = 5000;
  limits.memory = 600;
  limits.open = 4;
  return limits;
}

class Session {
 public:
  explicit Session(fuzz::Input& in) : in_(in) {}

  void run() {
    receiver_.link_opened(link_id);
    for (int step = 0; step < 300 && !in_.empty(); ++step) {
      act();
      take();
    }
  }

 private:
  void act() {
    switch (in_.byte() % 10) {
      case 0:
      case 1: return offer();
      case 2:
      case 3:
      case 4: return honest_chunk();
      case 5: return any_chunk();
      case 6: return decide();
      case 7: return receiver_.on_cancel({in_.below(6), rpc::TransferCode::canceled, "no"});
      case 8: return link();
      default: return pass_time();
    }
  }

  void offer() {
    rpc::Offer offer;
    offer.transfer = in_.below(6);
    offer.kind = static_cast<rpc::TransferKind>(in_.byte());
    offer.ack = in_.flag() ? rpc::AckLevel::accepted : rpc::AckLevel::received;
    offer.size = in_.byte() * std::uint64_t{3};
    if (in_.byte() == 255) offer.size <<= 50U;
    const auto name = in_.text(3);
    offer.name = name;
    receiver_.on_offer(offer, now_, effects());
  }
  /// The next bytes of a transfer, as its last credit said.
  void honest_chunk() {
    if (credits_.empty()) return;
    const auto& credit =
        std::next(credits_.begin(), static_cast<std::ptrdiff_t>(in_.below(credits_.size())))
            ->second;
    const auto left = sizes_[credit.transfer] - credit.received;
    auto& sent = contents_[credit.transfer];
    sent.resize(static_cast<std::size_t>(credit.received));
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left, 1 + in_.byte()));
    const auto from = sent.size();
    sent.resize(from + size, static_cast<std::byte>(in_.byte()));
    rpc::Digest64 digest;
    digest.add(sent);
    const bool last = size == left;
    const rpc::ByteView piece{sent.data() + from, size};
    receiver_.on_chunk({credit.transfer, credit.received, last, piece, last ? digest.value() : 0},
                       now_, effects());
  }
  void any_chunk() {
    const auto text = in_.text(255);
    const auto id = in_.below(6);
    const auto offset = in_.byte();
    const bool last = in_.flag();
    receiver_.on_chunk({id, offset, last, rpc::as_bytes(text), in_.byte()}, now_, effects());
  }
  void decide() {
    const auto code = static_cast<rpc::TransferCode>(in_.below(11));
    const auto id = in_.below(6);
    receiver_.decide(id, code, "why", std::chrono::milliseconds(in_.byte()), now_, effects());
  }
  void link() {
    if (in_.flag()) {
      receiver_.link_closed();
    } else if (in_.byte() == 0) {
      receiver_.reset();
      require(receiver_.open() == 0 && receiver_.memory() == 0);
    }
    receiver_.link_opened(link_id);
  }
  void pass_time() {
    now_ += std::chrono::seconds(in_.byte());
    receiver_.poll(now_, effects());
    require(receiver_.next_deadline() > now_);
  }

  rpc::Admission admit(const rpc::TransferInfo& info) {
    sizes_[info.transfer] = info.size;
    rpc::Admission admission;
    const auto kind = in_.byte();
    if (kind % 16 == 0) admission.code = static_cast<rpc::TransferCode>(1 + in_.below(10));
    if (kind % 2 == 0) {
      admission.sink =
          admission.code == rpc::TransferCode::none ? std::make_shared<Sink>(kind * 30U) : nullptr;
    }
    return admission;
  }

  void take() {
    for (std::size_t i = 0; i < frames_.size(); ++i) {
      const auto decoded = rpc::decode_transfer(frames_[i], {});
      require(decoded.ok() && decoded.link == link_id);
      if (const auto* credit = std::get_if<rpc::Credit>(&decoded.message)) {
        require(credit->received + credit->room <= sizes_[credit->transfer]);
        require(credit->room <= rpc::chunk_bytes);
        credits_[credit->transfer] = *credit;
      } else {
        const auto* ack = std::get_if<rpc::Ack>(&decoded.message);
        require(ack != nullptr);
        credits_.erase(ack->transfer);
      }
    }
    for (const auto& event : events_) {
      const auto* arrived = std::get_if<rpc::TransferArrived>(&event);
      if (arrived == nullptr || arrived->data.empty()) continue;
      require(arrived->data.size() == arrived->info.size && arrived->sink == nullptr);
      require(arrived->data.size() <= limits().memory);
    }
    frames_.clear();
    events_.clear();
    require(receiver_.open() <= limits().open && receiver_.memory() <= limits().memory);
  }

  rpc::ReceiverEffects effects() { return {frames_, events_}; }

  fuzz::Input& in_;
  rpc::PayloadReceiver::TimePoint now_{std::chrono::hours(1)};
  rpc::Outbox frames_;
  std::vector<rpc::ReceiverEvent> events_;
  std::map<rpc::TransferId, rpc::Credit> credits_;
  std::map<rpc::TransferId, std::uint64_t> sizes_;
  std::map<rpc::TransferId, rpc::Bytes> contents_;
  rpc::PayloadReceiver receiver_{
      {}, limits(), [this](const rpc::TransferInfo& info) { return admit(info); }};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input in(data, size);
  Session(in).run();
  return 0;
}
