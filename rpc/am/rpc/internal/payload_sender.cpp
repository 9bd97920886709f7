#include <am/rpc/internal/payload_sender.hpp>

#include <am/detail/deadline.hpp>
#include <am/rpc/internal/packing.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace am::rpc::internal {

namespace {

/// How many chunks are sent as they are after one that packing did not make smaller.
constexpr std::uint32_t unpacked_run = 15;
constexpr std::chrono::milliseconds least_retry{10};

template <class Message>
void send(Outbox& frames, LinkId link, const Message& message) {
  Writer writer{frames.add()};
  encode(writer, link, message);
}

}  // namespace

// -- life of a transfer -----------------------------------------------------------------------

std::optional<TransferId> PayloadSender::start(TransferRequest request, TimePoint now,
                                               SenderEffects effects) {
  if (transfers_.size() >= max_transfers) return std::nullopt;
  const TransferId id = ++last_;
  Transfer transfer;
  transfer.size = request.source->size();
  transfer.request = std::move(request);
  const auto at = transfers_.emplace(id, std::move(transfer)).first;
  if (link_) offer(id, at->second, now, effects);
  return id;
}

void PayloadSender::offer(TransferId id, Transfer& transfer, TimePoint now, SenderEffects effects) {
  const auto& request = transfer.request;
  // What was on its way counts as lost until the receiver says what it has.
  transfer.phase = Phase::offered;
  transfer.room = 0;
  transfer.retry_at = TimePoint::max();
  transfer.stalls_at = detail::deadline_after(now, request.stall_timeout);
  send(effects.frames, *link_,
       Offer{id, request.kind, request.ack, transfer.size, request.name, request.encoding});
}

void PayloadSender::finish(Transfers::iterator at, Delivery delivery, SenderEffects effects) {
  const TransferId id = at->first;
  if (in_flight_ == id) in_flight_ = 0;
  transfers_.erase(at);
  effects.ended.push_back({id, std::move(delivery)});
}

void PayloadSender::give_up(Transfers::iterator at, Delivery delivery, TransferCode code,
                            SenderEffects effects) {
  if (link_) {
    send(effects.frames, *link_, Cancel{at->first, code, clipped(delivery.text, limits_.text)});
  }
  finish(at, std::move(delivery), effects);
}

void PayloadSender::cancel(TransferId transfer, Delivery::Kind kind, TransferCode code,
                           std::string_view text, SenderEffects effects) {
  const auto at = transfers_.find(transfer);
  if (at != transfers_.end()) give_up(at, {kind, std::string(text)}, code, effects);
}

// -- links ------------------------------------------------------------------------------------

void PayloadSender::link_opened(LinkId link, bool pack, TimePoint now, SenderEffects effects) {
  link_ = link;
  pack_ = pack;
  in_flight_ = 0;
  for (auto& [id, transfer] : transfers_) offer(id, transfer, now, effects);
}

void PayloadSender::link_closed() noexcept {
  link_.reset();
  in_flight_ = 0;
}

void PayloadSender::end(std::string_view text, SenderEffects effects) {
  link_closed();
  while (!transfers_.empty()) {
    finish(transfers_.begin(), {Delivery::Kind::link_lost, std::string(text)}, effects);
  }
}

// -- what the receiver says -------------------------------------------------------------------

// Goes on from what the receiver has: all that was sent, all but the last chunk, or nothing. With
// one chunk on its way at most, it cannot have anything else.
bool PayloadSender::take_position(Transfer& transfer, std::uint64_t received) noexcept {
  if (received == transfer.sent) {
    transfer.acked_digest = transfer.sent_digest;
  } else if (received == transfer.acked) {
    transfer.sent_digest = transfer.acked_digest;
  } else if (received == 0 && transfer.phase == Phase::offered) {
    transfer.acked_digest = transfer.sent_digest = Digest64{};
  } else {
    return false;
  }
  transfer.acked = transfer.sent = received;
  return true;
}

void PayloadSender::on_credit(const Credit& credit, TimePoint now, SenderEffects effects) {
  const auto at = transfers_.find(credit.transfer);
  if (at == transfers_.end()) return;
  auto& transfer = at->second;
  // An answer to what has been offered again in the meantime says nothing.
  if (transfer.phase == Phase::paused || transfer.phase == Phase::received) return;
  // Only what goes on counts against a stall.
  const bool goes_on = transfer.phase == Phase::offered || credit.received > transfer.acked;
  if (!take_position(transfer, credit.received)) {
    return give_up(
        at,
        {Delivery::Kind::refused, fmt::format("the receiver has {} bytes, of {} that were sent",
                                              credit.received, transfer.sent)},
        TransferCode::protocol, effects);
  }
  if (in_flight_ == at->first) in_flight_ = 0;
  if (transfer.phase == Phase::offered) transfer.all_sent = false;
  transfer.phase = Phase::sending;
  transfer.room = credit.room;
  if (goes_on) transfer.stalls_at = detail::deadline_after(now, transfer.request.stall_timeout);
}

void PayloadSender::on_ack(const Ack& ack, TimePoint now, SenderEffects effects) {
  const auto at = transfers_.find(ack.transfer);
  if (at == transfers_.end()) return;
  auto& transfer = at->second;
  if (in_flight_ == at->first) in_flight_ = 0;
  if (ack.outcome != AckOutcome::refused && (!transfer.all_sent || ack.received != transfer.size)) {
    return give_up(at,
                   {Delivery::Kind::refused,
                    fmt::format("the receiver wants to have all {} bytes: {} by its own count, of "
                                "{} that were sent",
                                transfer.size, ack.received, transfer.sent)},
                   TransferCode::protocol, effects);
  }
  if (ack.outcome == AckOutcome::accepted ||
      (ack.outcome == AckOutcome::received && transfer.request.ack == AckLevel::received)) {
    return finish(at, {Delivery::Kind::delivered, {}}, effects);
  }
  if (ack.outcome == AckOutcome::received) {
    transfer.phase = Phase::received;
    return;
  }
  if (ack.code != TransferCode::not_now) {
    return finish(
        at,
        {Delivery::Kind::refused, ack.text.empty() ? to_string(ack.code) : std::string(ack.text)},
        effects);
  }
  const auto pause = std::chrono::milliseconds(
      std::min<std::uint64_t>(ack.retry_after_ms, std::uint64_t{24} * 3600 * 1000));
  transfer.phase = Phase::paused;
  transfer.retry_at = detail::deadline_after(now, std::max(pause, least_retry));
}

// -- chunks -----------------------------------------------------------------------------------

bool PayloadSender::ready(const Transfer& transfer) const noexcept {
  if (transfer.phase != Phase::sending || transfer.all_sent) return false;
  return transfer.size == transfer.sent || transfer.room > transfer.sent - transfer.acked;
}

bool PayloadSender::wants_to_send() const noexcept {
  return link_ && in_flight_ == 0 &&
         std::ranges::any_of(transfers_, [&](const auto& t) { return ready(t.second); });
}

void PayloadSender::send_chunk(SenderEffects effects) {
  if (!link_ || in_flight_ != 0 || transfers_.empty()) return;
  auto at = transfers_.upper_bound(turn_);
  for (std::size_t i = 0; i < transfers_.size(); ++i, ++at) {
    if (at == transfers_.end()) at = transfers_.begin();
    if (ready(at->second)) return send_chunk(at, effects);
  }
}

void PayloadSender::send_chunk(Transfers::iterator at, SenderEffects effects) {
  auto& transfer = at->second;
  const std::size_t most = std::min(chunk_bytes, limits_.frame - chunk_overhead);
  const auto bytes = static_cast<std::size_t>(
      std::min({std::uint64_t{most}, transfer.size - transfer.sent, transfer.room}));
  chunk_.resize(bytes);
  if (bytes != 0 && !transfer.request.source->read(transfer.sent, chunk_)) {
    return give_up(
        at,
        {Delivery::Kind::failed, fmt::format("payload \"{}\" could not be read at byte {}",
                                             transfer.request.name, transfer.sent)},
        TransferCode::storage, effects);
  }
  transfer.sent_digest.add(chunk_);
  const bool last = transfer.sent + bytes == transfer.size;
  const Chunk chunk{at->first, transfer.sent, last, chunk_,
                    last ? transfer.sent_digest.value() : 0};
  plain_.clear();
  Writer writer{plain_};
  encode(writer, *link_, chunk);
  Bytes& frame = effects.frames.add();
  if (!pack_ || skip_packing_ != 0) {
    if (skip_packing_ != 0) --skip_packing_;
    frame = plain_;
  } else if (!pack(plain_, frame)) {
    if (plain_.size() >= packing_threshold) skip_packing_ = unpacked_run;
    frame = plain_;
  }
  transfer.sent += bytes;
  transfer.all_sent = last;
  turn_ = in_flight_ = at->first;
}

// -- time -------------------------------------------------------------------------------------

PayloadSender::TimePoint PayloadSender::due(const Transfer& transfer) const noexcept {
  auto when = transfer.request.deadline;
  if (!link_) return when;
  if (transfer.phase == Phase::paused) return std::min(when, transfer.retry_at);
  return transfer.phase == Phase::received ? when : std::min(when, transfer.stalls_at);
}

void PayloadSender::poll(TimePoint now, SenderEffects effects) {
  for (auto at = transfers_.begin(); at != transfers_.end();) {
    const auto here = at++;
    auto& transfer = here->second;
    if (due(transfer) > now) continue;
    if (transfer.request.deadline <= now) {
      give_up(here, {Delivery::Kind::timeout, "its time was up"}, TransferCode::timeout, effects);
    } else if (transfer.phase == Phase::paused) {
      offer(here->first, transfer, now, effects);
    } else {
      give_up(here,
              {Delivery::Kind::timeout,
               fmt::format("nothing came from the receiver after byte {}", transfer.acked)},
              TransferCode::timeout, effects);
    }
  }
}

PayloadSender::TimePoint PayloadSender::next_deadline() const noexcept {
  auto first = TimePoint::max();
  for (const auto& [id, transfer] : transfers_) first = std::min(first, due(transfer));
  return first;
}

}  // namespace am::rpc::internal
