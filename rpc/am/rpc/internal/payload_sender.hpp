// The sending side of transfers: payloads of a source, large arguments of a client.
#pragma once

#include <am/rpc/internal/digest64.hpp>
#include <am/rpc/internal/outbox.hpp>
#include <am/rpc/internal/transfer_messages.hpp>
#include <am/rpc/payload.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace am::rpc::internal {

/// What is to be sent, and until when.
struct TransferRequest {
  using TimePoint = std::chrono::steady_clock::time_point;

  TransferKind kind = TransferKind::payload;
  AckLevel ack = AckLevel::accepted;
  std::string name{};
  std::string encoding{};
  std::shared_ptr<PayloadSource> source{};
  TimePoint deadline = TimePoint::max();
  std::chrono::nanoseconds stall_timeout = std::chrono::seconds{30};
};

/// A transfer has ended: each that was started has exactly one.
struct TransferEnded {
  TransferId transfer = 0;
  Delivery delivery{};
};

/// Where a sender leaves what it wants: send `frames`, tell of `ended`, then clear both.
struct SenderEffects {
  Outbox& frames;
  std::vector<TransferEnded>& ended;
};

/// The transfers of one session in one direction, over all of its links. Chunks are sent one at a
/// time, when the owner says so and the receiver has room: what else the connection carries never
/// waits behind more than one. Holds a chunk in memory, not the content. No I/O but its sources, no
/// clock; `now` must not go back. Not thread-safe.
class PayloadSender {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// Of `limits`, frame and text count.
  explicit PayloadSender(const Limits& limits) : limits_(limits) {}

  bool empty() const noexcept { return transfers_.empty(); }
  std::size_t size() const noexcept { return transfers_.size(); }

  /// Announces a transfer, at once or with the next link. Nothing when too many are open.
  std::optional<TransferId> start(TransferRequest request, TimePoint now, SenderEffects effects);
  /// Ends a transfer as `kind` and tells the receiver. Ignored when there is none.
  void cancel(TransferId transfer, Delivery::Kind kind, TransferCode code, std::string_view text,
              SenderEffects effects);

  /// The session has an open link: transfers are announced again. `pack`: chunks may be packed.
  void link_opened(LinkId link, bool pack, TimePoint now, SenderEffects effects);
  /// It has none any more; another one may come.
  void link_closed() noexcept;
  /// None will come: all transfers end as link_lost.
  void end(std::string_view text, SenderEffects effects);

  void on_credit(const Credit& credit, TimePoint now, SenderEffects effects);
  void on_ack(const Ack& ack, TimePoint now, SenderEffects effects);

  /// True while a chunk was sent and not answered.
  bool in_flight() const noexcept { return in_flight_ != 0; }
  /// True when a chunk could be sent. O(transfers).
  bool wants_to_send() const noexcept;
  /// Sends one chunk, of one transfer after the other; nothing while one is in flight.
  void send_chunk(SenderEffects effects);

  /// Ends what took too long and repeats what was to be repeated.
  void poll(TimePoint now, SenderEffects effects);
  TimePoint next_deadline() const noexcept;

 private:
  enum class Phase : std::uint8_t {
    offered,  // waiting for the receiver's credit
    sending,
    received,  // all of it; waiting for the consumer
    paused,    // not now; offered again at `retry_at`
  };
  struct Transfer {
    TransferRequest request;
    Phase phase = Phase::offered;
    std::uint64_t size = 0;
    std::uint64_t acked = 0;  // that much is there
    std::uint64_t sent = 0;   // acked, or a chunk more
    std::uint64_t room = 0;   // bytes after `acked` that the receiver takes
    Digest64 acked_digest{};
    Digest64 sent_digest{};
    bool all_sent = false;  // the last chunk too, which may be empty
    TimePoint stalls_at{};
    TimePoint retry_at = TimePoint::max();
  };
  using Transfers = std::map<TransferId, Transfer>;

  bool ready(const Transfer& transfer) const noexcept;
  TimePoint due(const Transfer& transfer) const noexcept;
  void offer(TransferId id, Transfer& transfer, TimePoint now, SenderEffects effects);
  bool take_position(Transfer& transfer, std::uint64_t received) noexcept;
  void finish(Transfers::iterator at, Delivery delivery, SenderEffects effects);
  void give_up(Transfers::iterator at, Delivery delivery, TransferCode code, SenderEffects effects);
  void send_chunk(Transfers::iterator at, SenderEffects effects);

  Limits limits_;
  Transfers transfers_;
  TransferId last_ = 0;
  TransferId turn_ = 0;       // whose chunk was sent last
  TransferId in_flight_ = 0;  // whose chunk has no answer
  std::optional<LinkId> link_{};
  bool pack_ = false;
  std::uint32_t skip_packing_ = 0;  // chunks, as the last ones did not become smaller
  Bytes chunk_{};
  Bytes plain_{};
};

}  // namespace am::rpc::internal
