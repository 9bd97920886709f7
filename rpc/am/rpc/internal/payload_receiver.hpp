// The receiving side of transfers: payloads at a client, large arguments at a server.
#pragma once

#include <am/rpc/internal/digest64.hpp>
#include <am/rpc/internal/outbox.hpp>
#include <am/rpc/internal/transfer_messages.hpp>
#include <am/rpc/payload.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace am::rpc::internal {

/// What a receiver takes at most.
struct ReceiverLimits {
  std::uint64_t bytes = std::uint64_t{1} << 40U;  ///< of one transfer
  std::size_t memory = std::size_t{64} << 20U;    ///< of all that are kept in memory
  std::size_t open = max_transfers;               ///< transfers (a count)
  std::chrono::nanoseconds stall_timeout = std::chrono::seconds{60};
  /// After which a transfer that found no room may be offered again.
  std::chrono::milliseconds retry_after{100};
};

/// What is being transferred.
struct TransferInfo {
  TransferId transfer = 0;
  TransferKind kind = TransferKind::payload;
  std::uint64_t size = 0;
  std::string name{};
  std::string encoding{};
};

/// The first bytes of a transfer have come.
struct TransferBegun {
  TransferInfo info{};
};

/// A transfer is complete. Answer with `decide`, now or later; it counts against the limits until
/// then. Comes again, without `sink` and with empty `data`, after a `not_now`.
struct TransferArrived {
  TransferInfo info{};
  std::vector<std::byte> data{};
  std::shared_ptr<PayloadSink> sink{};
};

using ReceiverEvent = std::variant<TransferBegun, TransferArrived>;

/// Where a receiver leaves what it wants: act on `events`, send `frames`, then clear both.
struct ReceiverEffects {
  Outbox& frames;
  std::vector<ReceiverEvent>& events;
};

/// What becomes of an offer.
struct Admission {
  /// `none` = it is taken; `not_now` = later.
  TransferCode code = TransferCode::none;
  std::string text{};
  std::shared_ptr<PayloadSink> sink{};  ///< null = it is kept in memory
};

/// The transfers of one session in one direction, over all of its links. Any frames may come: what
/// is out of place is refused. Memory is taken as bytes arrive, and never above the limits. No I/O
/// but its sinks, no clock; `now` must not go back. Not thread-safe.
class PayloadReceiver {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Admit = std::function<Admission(const TransferInfo&)>;

  /// `admit` is asked for each new transfer that is within the limits.
  PayloadReceiver(const Limits& frame_limits, const ReceiverLimits& limits, Admit admit)
      : frame_limits_(frame_limits), limits_(limits), admit_(std::move(admit)) {}
  PayloadReceiver(PayloadReceiver&&) = delete;
  PayloadReceiver& operator=(PayloadReceiver&&) = delete;
  ~PayloadReceiver() { reset(); }

  std::size_t open() const noexcept { return transfers_.size(); }
  /// What counts against `ReceiverLimits::memory`.
  std::size_t memory() const noexcept { return memory_; }

  void link_opened(LinkId link) noexcept { link_ = link; }
  void link_closed() noexcept { link_.reset(); }
  /// The session is over: nothing of it goes on.
  void reset() noexcept;

  void on_offer(const Offer& offer, TimePoint now, ReceiverEffects effects);
  void on_chunk(const Chunk& chunk, TimePoint now, ReceiverEffects effects);
  void on_cancel(const Cancel& cancel) noexcept;

  /// Answers `TransferArrived`. With `not_now` the transfer stays, and arrives again when it is
  /// offered again. Ignored for others.
  void decide(TransferId transfer, TransferCode code, std::string_view text,
              std::chrono::milliseconds retry_after, TimePoint now, ReceiverEffects effects);

  /// Forgets what does not go on.
  void poll(TimePoint now, ReceiverEffects effects);
  TimePoint next_deadline() const noexcept;

 private:
  struct Transfer {
    TransferInfo info;
    AckLevel ack = AckLevel::accepted;
    std::uint64_t received = 0;
    std::vector<std::byte> data{};
    std::shared_ptr<PayloadSink> sink{};
    Digest64 digest{};
    bool complete = false;
    bool deciding = false;
    std::size_t counted = 0;  // of `memory_`
    TimePoint forgotten_at = TimePoint::max();
  };
  using Transfers = std::map<TransferId, Transfer>;
  struct Outcome {
    TransferId transfer = 0;
    AckOutcome outcome = AckOutcome::accepted;
    TransferCode code = TransferCode::none;
    std::uint64_t received = 0;
    std::string text{};
  };

  void admit(const Offer& offer, TimePoint now, ReceiverEffects effects);
  void again(Transfer& transfer, TimePoint now, ReceiverEffects effects);
  void complete(Transfers::iterator at, const Chunk& chunk, ReceiverEffects effects);
  void credit(const Transfer& transfer, ReceiverEffects effects);
  void ack(const Outcome& outcome, std::uint64_t retry_after_ms, ReceiverEffects effects);
  void refuse(TransferId transfer, TransferCode code, std::string text, ReceiverEffects effects);
  void settle(Transfers::iterator at, Outcome outcome, ReceiverEffects effects);
  void forget(Transfers::iterator at, bool aborted) noexcept;

  Limits frame_limits_;
  ReceiverLimits limits_;
  Admit admit_;
  Transfers transfers_;
  std::deque<Outcome> outcomes_;  // of the last ones, whose acks may have been lost
  std::size_t memory_ = 0;
  std::optional<LinkId> link_{};
};

}  // namespace am::rpc::internal
