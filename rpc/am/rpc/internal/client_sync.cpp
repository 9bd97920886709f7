// How a client link follows the clocks of its source: diffs, gaps, snapshots.
#include <am/detail/deadline.hpp>
#include <am/rpc/internal/client_link.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <string>

namespace am::rpc::internal {

// Returns true when `clocks_` now hold what the frame's sender had; false when a snapshot must come
// first.
bool ClientLink::take_diff(std::uint64_t sequence, const Diff& diff, std::uint32_t digest,
                           ClocksCause cause, TimePoint now, ClientEffects& effects) {
  if (resyncing_) {
    ++stats_.dropped_diffs;  // older than the snapshot
    return false;
  }
  if (sequence <= sequence_) {
    ++stats_.dropped_diffs;  // repeated
    return true;
  }
  // Checked before anything is applied, so that nobody ever sees clocks that never were.
  const auto after = digest_after(clocks_, digest_, diff);
  if (sequence != sequence_ + 1 || !after || short_digest(*after) != digest) {
    ++stats_.dropped_diffs;
    resync(now, effects);
    return false;
  }
  sequence_ = sequence;
  digest_ = *after;
  if (diff.empty()) return true;
  apply_diff(diff, clocks_);
  effects.changed.clear();
  for (const Diff::Change& change : diff.changes) effects.changed.push_back(change.index);
  effects.events.emplace_back(ClocksChanged{cause, {}});
  return true;
}

void ClientLink::handle(const Reply& reply, TimePoint now, ClientEffects& effects) {
  if (!require_open("reply", effects)) return;
  ++stats_.replies;
  if (reply.result == Result::not_sent) ++stats_.refused;
  const bool current =
      take_diff(reply.sequence, *reply.diff, reply.digest, ClocksCause::reply, now, effects);
  count_merged(effects);
  ClientCall* call = calls_.find(reply.request);
  if (call == nullptr || call->result) {
    ++stats_.late_replies;
  } else if (current) {
    calls_.remove(reply.request);
    answer(reply.request, reply.result, reply.text, effects);
  } else {
    // The caller must find its effects in the clocks, so the result waits for the snapshot.
    call->result = reply.result;
    call->error = reply.text;
  }
}

/// Changes that came otherwise than transition by transition, where each was wanted.
void ClientLink::count_merged(const ClientEffects& effects) noexcept {
  if (may_log_ && options_.sync->log && !effects.changed.empty()) ++stats_.merged;
}

void ClientLink::handle(const Logged& logged, TimePoint now, ClientEffects& effects) {
  if (!require_open("transition", effects)) return;
  const auto out_of_range = [this](StateIndex index) { return index >= clocks_.ticks.size(); };
  if (!may_log_ || std::ranges::any_of(logged.story.called, out_of_range)) {
    return fail(CloseReason::protocol, "a transition that was not agreed on", ByeCode::protocol,
                effects);
  }
  ++stats_.pushes;
  const auto events = effects.events.size();
  take_diff(logged.sequence, *logged.diff, logged.digest, ClocksCause::push, now, effects);
  if (effects.events.size() == events) return;
  if (auto* changed = std::get_if<ClocksChanged>(&effects.events.back())) {
    changed->story = logged.story;
  }
}

void ClientLink::handle(const Push& push, TimePoint now, ClientEffects& effects) {
  if (!require_open("push", effects)) return;
  ++stats_.pushes;
  take_diff(push.sequence, *push.diff, push.digest, ClocksCause::push, now, effects);
  count_merged(effects);
}

void ClientLink::handle(const Snapshot& snapshot, TimePoint now, ClientEffects& effects) {
  if (!require_open("snapshot", effects)) return;
  ++stats_.snapshots;
  if (snapshot.sequence <= sequence_) {
    ++stats_.dropped_diffs;  // repeated
    return;
  }
  if (snapshot.clocks.ticks.size() != clocks_.ticks.size()) {
    return fail(CloseReason::schema,
                fmt::format("a snapshot of {} states: the machine has {}",
                            snapshot.clocks.ticks.size(), clocks_.ticks.size()),
                ByeCode::protocol, effects);
  }
  if (snapshot.digest != digest_of(snapshot.clocks)) {
    if (resyncing_) return ask_snapshot(now, effects);
    return resync(now, effects);
  }
  const bool forward = find_changes(clocks_, snapshot.clocks, effects.changed);
  if (!forward) {
    effects.changed.clear();
    return fail(CloseReason::protocol, "a snapshot with clocks that went back", ByeCode::protocol,
                effects);
  }
  const bool moved = !effects.changed.empty() || snapshot.clocks.queue_tick != clocks_.queue_tick ||
                     snapshot.clocks.machine_tick != clocks_.machine_tick;
  snapshot.clocks.copy_to(clocks_);
  digest_ = snapshot.digest;
  sequence_ = snapshot.sequence;
  resyncing_ = false;
  resync_attempts_ = 0;
  resync_deadline_ = TimePoint::max();
  count_merged(effects);
  if (moved) effects.events.emplace_back(ClocksChanged{ClocksCause::snapshot, {}});
  effects.events.emplace_back(Synced{});
  settle(snapshot, effects);
}

void ClientLink::handle(const Chosen& chosen, TimePoint, ClientEffects& effects) {
  if (!require_open("choice", effects)) return;
  if (!choosing_ || chosen.token != last_choice_) {
    return fail(CloseReason::protocol, "an answer to no choice", ByeCode::protocol, effects);
  }
  if (!chosen.refusal.empty()) return choice_over(std::string{chosen.refusal}, effects);
  const Snapshot& snapshot = chosen.snapshot;
  ChoiceTaken taken;
  std::size_t states = clocks_.ticks.size();
  if (!chosen.names.empty() && !take_names(chosen.names, states, taken.names.emplace())) {
    return fail(CloseReason::malformed, "chosen.names: cannot be read", ByeCode::malformed,
                effects);
  }
  // With the choice in effect at the server there is no way back: what is wrong ends the link.
  if (snapshot.sequence <= sequence_ || snapshot.digest != digest_of(snapshot.clocks) ||
      states != clocks_.ticks.size() || snapshot.clocks.ticks.size() != states) {
    return fail(CloseReason::protocol, "clocks that do not fit the choice", ByeCode::protocol,
                effects);
  }
  ++stats_.snapshots;
  const bool schema = options_.sync->schema;
  options_.sync = *choosing_;  // what the next hello asks for
  options_.sync->schema = schema && options_.sync->schema;
  taken.back = !find_changes(clocks_, snapshot.clocks, effects.changed);
  snapshot.clocks.copy_to(clocks_);
  digest_ = snapshot.digest;
  sequence_ = snapshot.sequence;
  resyncing_ = false;
  resync_attempts_ = 0;
  resync_deadline_ = TimePoint::max();
  effects.events.emplace_back(std::move(taken));
  choice_over("", effects);
  settle(snapshot, effects);
}

void ClientLink::resync(TimePoint now, ClientEffects& effects) {
  ++stats_.resyncs;
  resyncing_ = true;
  resync_attempts_ = 0;
  ask_snapshot(now, effects);
}

void ClientLink::ask_snapshot(TimePoint now, ClientEffects& effects) {
  if (resync_attempts_ >= options_.limits.resync_attempts) {
    return fail(CloseReason::resync_timeout,
                fmt::format("no usable snapshot after {} requests", resync_attempts_),
                ByeCode::timeout, effects);
  }
  ++resync_attempts_;
  resync_deadline_ = detail::deadline_after(now, options_.resync_timeout);
  send(Sync{}, effects);
}

// After a snapshot: gives out the results that were held back, and finds the answers that were
// lost.
void ClientLink::settle(const Snapshot& snapshot, ClientEffects& effects) {
  calls_.end_if([&](RequestId request, const ClientCall& call) {
    if (call.result) {
      answer(request, *call.result, call.error, effects);
      return true;
    }
    if (request > snapshot.last_request || std::ranges::binary_search(snapshot.running, request)) {
      return false;
    }
    ++stats_.lost_replies;
    answer(request, {Result::unknown, Reason::link}, "the answer was lost", effects);
    return true;
  });
}

}  // namespace am::rpc::internal
