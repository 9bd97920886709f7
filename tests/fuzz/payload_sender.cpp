// The sender of transfers, and a receiver that says anything.
#include "target.hpp"

#include <am/rpc/internal/packing.hpp>
#include <am/rpc/internal/payload_sender.hpp>

#include <algorithm>
#include <map>
#include <set>

namespace {

namespace rpc = am::rpc::internal;
using fuzz::require;

constexpr rpc::LinkId link_id = 7;

/// Is never asked for bytes that it does not have.
class Source final : public am::rpc::PayloadSource {
 public:
  Source(std::uint64_t size, bool fails) : size_(size), fails_(fails) {}
  std::uint64_t size() const noexcept override { return size_; }
  bool read(std::uint64_t offset, std::span<std::byte> to) override {
    require(offset + to.size() <= size_ && to.size() <= rpc::chunk_bytes);
    std::ranges::fill(to, std::byte{7});
    return !fails_ || offset < 300;
  }

 private:
  std::uint64_t size_;
  bool fails_;
};

class Session {
 public:
  explicit Session(fuzz::Input& in) : in_(in) {}

  void run() {
    for (int step = 0; step < 300 && !in_.empty(); ++step) {
      act();
      take();
    }
    sender_.end("over", effects());
    take();
    require(sender_.empty() && sender_.next_deadline() == rpc::PayloadSender::TimePoint::max());
    for (const auto& [id, ends] : started_) require(ends == 1);
  }

 private:
  void act() {
    switch (in_.byte() % 9) {
      case 0: return start();
      case 1: return link();
      case 2: return credit(in_.byte());
      case 3: return credit(asked_ ? asked_->offset + asked_->bytes : 0);
      case 4: return ack();
      case 5:
      case 6: return send();
      case 7:
        return sender_.cancel(any(), am::rpc::Delivery::Kind::timeout, rpc::TransferCode::canceled,
                              "no", effects());
      default: return pass_time();
    }
  }

  void start() {
    rpc::TransferRequest request;
    const auto size = in_.byte() * 5U;
    request.source = std::make_shared<Source>(size, in_.byte() == 255);
    request.ack = in_.flag() ? rpc::AckLevel::accepted : rpc::AckLevel::received;
    if (in_.flag()) request.deadline = now_ + std::chrono::seconds(in_.byte());
    const auto id = sender_.start(std::move(request), now_, effects());
    if (id) {
      sizes_[*id] = size;
      require(started_.emplace(*id, 0).second);
    }
  }
  void link() {
    if (in_.flag()) {
      sender_.link_closed();
      linked_ = false;
    } else {
      const bool pack = in_.flag();
      sender_.link_opened(link_id, pack, now_, effects());
      linked_ = true;
    }
    require(!sender_.in_flight());
  }
  void credit(std::uint64_t received) {
    const auto id = any();
    sender_.on_credit({id, received, in_.byte() * 3U}, now_, effects());
  }
  void ack() {
    rpc::Ack ack;
    ack.transfer = any();
    const auto what = in_.byte();
    ack.outcome = static_cast<rpc::AckOutcome>(what % 3);
    ack.received = what < 200 ? sizes_[ack.transfer] : what;
    ack.code = static_cast<rpc::TransferCode>(in_.below(12));
    ack.retry_after_ms = in_.byte() == 255 ? ~std::uint64_t{0} : in_.byte();
    sender_.on_ack(ack, now_, effects());
  }
  void send() {
    const bool could = sender_.wants_to_send();
    sender_.send_chunk(effects());
    require(could == (frames_.size() != 0));
  }
  void pass_time() {
    now_ += std::chrono::seconds(in_.byte());
    sender_.poll(now_, effects());
    require(sender_.next_deadline() > now_);
  }
  rpc::TransferId any() { return in_.below(started_.size() + 2); }

  void take() {
    require(linked_ || frames_.empty());
    for (std::size_t i = 0; i < frames_.size(); ++i) check(frames_[i]);
    for (const auto& end : ended_) {
      const auto found = started_.find(end.transfer);
      require(found != started_.end() && ++found->second == 1);
      require(end.delivery != am::rpc::Delivery::Kind::delivered || sent_.contains(end.transfer));
    }
    frames_.clear();
    ended_.clear();
  }
  void check(rpc::ByteView frame) {
    rpc::Bytes plain;
    if (static_cast<std::uint8_t>(frame[0]) == rpc::packed_type) {
      require(rpc::unpack(frame, rpc::Limits{}.frame, plain) == rpc::Fault::none);
      frame = plain;
    }
    const auto decoded = rpc::decode_transfer(frame, {});
    require(decoded.ok() && decoded.link == link_id);
    if (const auto* chunk = std::get_if<rpc::Chunk>(&decoded.message)) {
      const auto end = chunk->offset + chunk->bytes.size();
      require(end <= sizes_[chunk->transfer] && chunk->last == (end == sizes_[chunk->transfer]));
      if (chunk->last) sent_.insert(chunk->transfer);
      asked_ = Piece{chunk->offset, chunk->bytes.size()};
    }
  }
  rpc::SenderEffects effects() { return {frames_, ended_}; }

  struct Piece {
    std::uint64_t offset = 0;
    std::size_t bytes = 0;
  };

  fuzz::Input& in_;
  rpc::PayloadSender::TimePoint now_{std::chrono::hours(1)};
  rpc::PayloadSender sender_{{}};
  rpc::Outbox frames_;
  std::vector<rpc::TransferEnded> ended_;
  std::map<rpc::TransferId, int> started_;  // with how often they ended
  std::map<rpc::TransferId, std::uint64_t> sizes_;
  std::set<rpc::TransferId> sent_;  // to their ends
  std::optional<Piece> asked_;
  bool linked_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input in(data, size);
  Session(in).run();
  return 0;
}
