#include <am/rpc/internal/payload_receiver.hpp>

#include <am/detail/deadline.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace am::rpc::internal {

namespace {

template <class Message>
void send(Outbox& frames, LinkId link, const Message& message) {
  Writer writer{frames.add()};
  encode(writer, link, message);
}

}  // namespace

// -- output -----------------------------------------------------------------------------------

void PayloadReceiver::credit(const Transfer& transfer, ReceiverEffects effects) {
  if (!link_) return;
  const std::uint64_t most = std::min(chunk_bytes, frame_limits_.frame - chunk_overhead);
  send(effects.frames, *link_,
       Credit{transfer.info.transfer, transfer.received,
              std::min(most, transfer.info.size - transfer.received)});
}

void PayloadReceiver::ack(const Outcome& outcome, std::uint64_t retry_after_ms,
                          ReceiverEffects effects) {
  if (!link_) return;
  send(effects.frames, *link_,
       Ack{outcome.transfer, outcome.outcome, outcome.code, outcome.received, retry_after_ms,
           clipped(outcome.text, frame_limits_.text)});
}

/// Refuses what was not admitted: nothing of it is kept, and it may be offered again.
void PayloadReceiver::refuse(TransferId transfer, TransferCode code, std::string text,
                             ReceiverEffects effects) {
  const auto retry = code == TransferCode::not_now ? limits_.retry_after.count() : 0;
  ack({transfer, AckOutcome::refused, code, 0, std::move(text)}, static_cast<std::uint64_t>(retry),
      effects);
}

// -- offers -----------------------------------------------------------------------------------

void PayloadReceiver::on_offer(const Offer& offer, TimePoint now, ReceiverEffects effects) {
  const auto known = std::ranges::find(outcomes_, offer.transfer, &Outcome::transfer);
  if (known != outcomes_.end()) return ack(*known, 0, effects);
  const auto at = transfers_.find(offer.transfer);
  if (at == transfers_.end()) return admit(offer, now, effects);
  const auto& info = at->second.info;
  if (info.size != offer.size || info.kind != offer.kind || info.name != offer.name) {
    return settle(at,
                  {offer.transfer, AckOutcome::refused, TransferCode::protocol, at->second.received,
                   "offered again as something else"},
                  effects);
  }
  again(at->second, now, effects);
}

/// A transfer is offered again, after a lost link or a `not_now`.
void PayloadReceiver::again(Transfer& transfer, TimePoint now, ReceiverEffects effects) {
  if (!transfer.complete) {
    transfer.forgotten_at = detail::deadline_after(now, limits_.stall_timeout);
    return credit(transfer, effects);
  }
  ack({transfer.info.transfer, AckOutcome::received, TransferCode::none, transfer.received, {}}, 0,
      effects);
  if (transfer.deciding) return;
  transfer.deciding = true;
  transfer.forgotten_at = TimePoint::max();
  effects.events.emplace_back(TransferArrived{transfer.info, {}, {}});
}

void PayloadReceiver::admit(const Offer& offer, TimePoint now, ReceiverEffects effects) {
  if (offer.size > limits_.bytes) {
    return refuse(
        offer.transfer, TransferCode::too_large,
        fmt::format("{} bytes are more than the {} that are taken", offer.size, limits_.bytes),
        effects);
  }
  if (transfers_.size() >= limits_.open) {
    return refuse(offer.transfer, TransferCode::not_now,
                  fmt::format("{} transfers are open", transfers_.size()), effects);
  }
  Transfer transfer;
  transfer.info = {offer.transfer, offer.kind, offer.size, std::string(offer.name),
                   std::string(offer.encoding)};
  transfer.ack = offer.ack;
  auto admission = admit_(transfer.info);
  if (admission.code != TransferCode::none) {
    return refuse(offer.transfer, admission.code, std::move(admission.text), effects);
  }
  transfer.sink = std::move(admission.sink);
  if (transfer.sink == nullptr) {
    const bool never = offer.size > limits_.memory;
    if (never || offer.size > limits_.memory - memory_) {
      return refuse(offer.transfer, never ? TransferCode::too_large : TransferCode::not_now,
                    fmt::format("{} bytes of {} in memory are free", limits_.memory - memory_,
                                limits_.memory),
                    effects);
    }
    transfer.counted = static_cast<std::size_t>(offer.size);
    memory_ += transfer.counted;
  }
  transfer.forgotten_at = detail::deadline_after(now, limits_.stall_timeout);
  const auto at = transfers_.emplace(offer.transfer, std::move(transfer)).first;
  credit(at->second, effects);
}

// -- chunks -----------------------------------------------------------------------------------

void PayloadReceiver::on_chunk(const Chunk& chunk, TimePoint now, ReceiverEffects effects) {
  const auto at = transfers_.find(chunk.transfer);
  if (at == transfers_.end()) {
    // It was forgotten in the meantime. Offered again, it starts over.
    return refuse(chunk.transfer, TransferCode::not_now, "not known any more", effects);
  }
  auto& transfer = at->second;
  const auto fail = [&](TransferCode code, std::string text) {
    settle(at, {chunk.transfer, AckOutcome::refused, code, transfer.received, std::move(text)},
           effects);
  };
  const std::uint64_t left = transfer.info.size - transfer.received;
  if (transfer.complete || chunk.offset != transfer.received || chunk.bytes.size() > left ||
      chunk.last != (chunk.bytes.size() == left) || (chunk.bytes.empty() && !chunk.last)) {
    return fail(TransferCode::protocol,
                fmt::format("{} bytes at {}: not what was expected at {} of {}", chunk.bytes.size(),
                            chunk.offset, transfer.received, transfer.info.size));
  }
  if (transfer.received == 0) effects.events.emplace_back(TransferBegun{transfer.info});
  if (transfer.sink == nullptr) {
    auto& data = transfer.data;
    // Grows with what arrives, and not beyond what was announced.
    const std::size_t needed = data.size() + chunk.bytes.size();
    if (needed > data.capacity()) {
      data.reserve(std::min(transfer.counted, std::max(needed, 2 * data.capacity())));
    }
    data.insert(data.end(), chunk.bytes.begin(), chunk.bytes.end());
  } else if (!chunk.bytes.empty() && !transfer.sink->write(chunk.bytes)) {
    return fail(TransferCode::storage,
                fmt::format("could not be written at byte {}", transfer.received));
  }
  transfer.digest.add(chunk.bytes);
  transfer.received += chunk.bytes.size();
  transfer.forgotten_at = detail::deadline_after(now, limits_.stall_timeout);
  if (chunk.last) return complete(at, chunk, effects);
  credit(transfer, effects);
}

void PayloadReceiver::complete(Transfers::iterator at, const Chunk& chunk,
                               ReceiverEffects effects) {
  auto& transfer = at->second;
  if (transfer.digest.value() != chunk.digest) {
    return settle(at,
                  {chunk.transfer, AckOutcome::refused, TransferCode::digest, transfer.received,
                   "the bytes that arrived are not those that were sent"},
                  effects);
  }
  transfer.complete = transfer.deciding = true;
  transfer.forgotten_at = TimePoint::max();
  if (transfer.sink != nullptr) transfer.sink->finish();
  ack({chunk.transfer, AckOutcome::received, TransferCode::none, transfer.received, {}}, 0,
      effects);
  effects.events.emplace_back(
      TransferArrived{transfer.info, std::move(transfer.data), std::move(transfer.sink)});
  transfer.data.clear();
  transfer.sink.reset();
}

// -- ends -------------------------------------------------------------------------------------

void PayloadReceiver::decide(TransferId id, TransferCode code, std::string_view text,
                             std::chrono::milliseconds retry_after, TimePoint now,
                             ReceiverEffects effects) {
  const auto at = transfers_.find(id);
  if (at == transfers_.end() || !at->second.deciding) return;
  auto& transfer = at->second;
  if (code == TransferCode::not_now && transfer.ack == AckLevel::accepted) {
    transfer.deciding = false;
    const auto pause = std::max(retry_after, std::chrono::milliseconds{0});
    transfer.forgotten_at =
        detail::deadline_after(detail::deadline_after(now, pause), limits_.stall_timeout);
    return ack({id, AckOutcome::refused, code, transfer.received, std::string(text)},
               static_cast<std::uint64_t>(pause.count()), effects);
  }
  const bool accepted = code == TransferCode::none;
  settle(at,
         {id, accepted ? AckOutcome::accepted : AckOutcome::refused, code, transfer.received,
          std::string(text)},
         effects);
}

/// Ends a transfer that was admitted, and remembers how.
void PayloadReceiver::settle(Transfers::iterator at, Outcome outcome, ReceiverEffects effects) {
  const bool told = at->second.complete && at->second.ack == AckLevel::received;
  if (told)
    outcome = {outcome.transfer, AckOutcome::received, TransferCode::none, outcome.received, {}};
  forget(at, !at->second.complete);
  if (!told) ack(outcome, 0, effects);
  outcomes_.push_back(std::move(outcome));
  if (outcomes_.size() > max_transfers) outcomes_.pop_front();
}

void PayloadReceiver::forget(Transfers::iterator at, bool aborted) noexcept {
  memory_ -= at->second.counted;
  if (aborted && at->second.sink != nullptr) at->second.sink->abort();
  transfers_.erase(at);
}

void PayloadReceiver::on_cancel(const Cancel& cancel) noexcept {
  const auto at = transfers_.find(cancel.transfer);
  if (at != transfers_.end()) forget(at, true);
}

void PayloadReceiver::reset() noexcept {
  while (!transfers_.empty()) forget(transfers_.begin(), true);
  outcomes_.clear();
  link_.reset();
}

// -- time -------------------------------------------------------------------------------------

void PayloadReceiver::poll(TimePoint now, ReceiverEffects effects) {
  for (auto at = transfers_.begin(); at != transfers_.end();) {
    const auto here = at++;
    if (here->second.forgotten_at > now) continue;
    const TransferId id = here->first;
    forget(here, true);
    refuse(id, TransferCode::not_now, "nothing came for too long", effects);
  }
}

PayloadReceiver::TimePoint PayloadReceiver::next_deadline() const noexcept {
  auto first = TimePoint::max();
  for (const auto& [id, transfer] : transfers_) first = std::min(first, transfer.forgotten_at);
  return first;
}

}  // namespace am::rpc::internal
