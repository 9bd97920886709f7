#include <am/rpc/internal/client_link.hpp>

#include <am/detail/deadline.hpp>
#include <am/rpc/internal/schema_codec.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace am::rpc::internal {

namespace {

// What an error frame means for the call it answers.
Result result_of(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::not_open: return {Result::not_sent, Reason::link};
    case ErrorCode::duplicate: return {Result::unknown, Reason::link};
    case ErrorCode::unknown_message: return {Result::not_sent, Reason::denied};
  }
  // A code of a newer server: nothing is certain.
  return {Result::unknown, Reason::denied};
}

// Fills `changed` with the states that differ. Returns false when any counter went back.
bool compare(const Clocks& before, ClocksView after, std::vector<StateIndex>& changed) {
  bool forward = after.queue_tick >= before.queue_tick && after.machine_tick >= before.machine_tick;
  changed.clear();
  for (std::size_t i = 0; i < before.ticks.size(); ++i) {
    if (after.ticks[i] != before.ticks[i]) changed.push_back(static_cast<StateIndex>(i));
    forward = forward && after.ticks[i] >= before.ticks[i];
  }
  return forward;
}

}  // namespace

ClientLink::ClientLink(LinkId id, ClientLinkOptions options)
    : id_(id), options_(std::move(options)) {}

// -- output --------------------------------------------------------------------------------------

// Returns false, sending nothing, when the frame would be above the limit.
template <class Message>
bool ClientLink::send(const Message& message, ClientEffects& effects) {
  Bytes& frame = effects.frames.add();
  Writer writer{frame, options_.limits.frame};
  encode(writer, id_, message);
  if (!writer.ok()) {
    effects.frames.drop_last();
    return false;
  }
  ++stats_.frames_out;
  stats_.bytes_out += frame.size();
  return true;
}

void ClientLink::answer(RequestId request, Result result, std::string_view error,
                        ClientEffects& effects) {
  effects.events.emplace_back(Replied{request, result, std::string{error}});
}

void ClientLink::end(LinkClosed closed, ClientEffects& effects) {
  state_ = State::closed;
  resyncing_ = false;
  // A result that was held back is worth more than the clocks it waited for.
  calls_.for_each([&](RequestId request, Call& call) {
    if (call.result) {
      answer(request, *call.result, call.error, effects);
    } else {
      answer(request, {Result::unknown, Reason::link}, closed.text, effects);
    }
  });
  calls_ = {};
  effects.events.emplace_back(std::move(closed));
}

void ClientLink::fail(CloseReason reason, std::string text, ByeCode code, ClientEffects& effects) {
  send(Bye{code, 0}, effects);
  LinkClosed closed;
  closed.reason = reason;
  closed.text = std::move(text);
  end(std::move(closed), effects);
}

// -- calls ---------------------------------------------------------------------------------------

void ClientLink::start(std::span<const Extension> extensions, TimePoint now,
                       ClientEffects& effects) {
  if (state_ != State::idle) return;
  Hello hello;
  hello.features = options_.features;
  hello.session = options_.session;
  hello.fingerprint = options_.known_fingerprint;
  hello.client_id = options_.client_id;
  hello.machine_id = options_.machine_id;
  hello.extensions = extensions;
  const std::size_t longest = std::max(hello.client_id.size(), hello.machine_id.size());
  if (longest > options_.limits.id || !send(hello, effects)) {
    return end(
        {CloseReason::local, fmt::format("the client or machine id is too long: {} bytes, at "
                                         "most {}",
                                         longest, options_.limits.id)},
        effects);
  }
  state_ = State::greeting;
  handshake_deadline_ = detail::deadline_after(now, options_.handshake_timeout);
}

RequestId ClientLink::mutate(Op op, std::span<const StateIndex> called, ByteView args,
                             TimePoint deadline, ClientEffects& effects) {
  const RequestId request = ++last_request_;
  const auto refuse = [&](Reason reason, std::string_view text) {
    ++stats_.refused;
    answer(request, {Result::not_sent, reason}, text, effects);
    return request;
  };
  if (state_ != State::open) return refuse(Reason::link, "the link is not open");
  if (calls_.size() >= options_.limits.pending_calls) {
    return refuse(Reason::queue_full, fmt::format("{} calls wait already", calls_.size()));
  }
  const std::size_t states = clocks_.ticks.size();
  for (const StateIndex index : called) {
    if (index >= states) {
      return refuse(Reason::denied,
                    fmt::format("no state at index {}: the machine has {}", index, states));
    }
  }
  if (called.size() > options_.limits.called || args.size() > options_.limits.args) {
    return refuse(
        Reason::denied,
        fmt::format("{} states with {} bytes of arguments: at most {} and {}", called.size(),
                    args.size(), options_.limits.called, options_.limits.args));
  }
  const Mutate mutate{request, op, calls_.lowest().value_or(request), called, args};
  if (!send(mutate, effects)) {
    return refuse(Reason::denied, fmt::format("the call does not fit into a frame of {} bytes",
                                              options_.limits.frame));
  }
  ++stats_.requests;
  calls_.add(request, Call{deadline, std::nullopt, {}});
  first_deadline_ = std::min(first_deadline_, deadline);
  return request;
}

void ClientLink::sync(ClientEffects& effects) {
  if (state_ == State::open) send(Sync{}, effects);
}

void ClientLink::ping(std::uint64_t token, ClientEffects& effects) {
  if (state_ == State::open) send(Ping{token}, effects);
}

void ClientLink::close(ByeCode code, ClientEffects& effects) {
  if (state_ == State::closed) return;
  if (state_ != State::idle) send(Bye{code, 0}, effects);
  end({CloseReason::local, fmt::format("closed here ({})", to_string(code)), code}, effects);
}

void ClientLink::abandon(std::string text, ClientEffects& effects) {
  if (state_ != State::closed) end({CloseReason::local, std::move(text)}, effects);
}

// -- input ---------------------------------------------------------------------------------------

void ClientLink::on_frame(ByteView frame, TimePoint now, ClientEffects& effects) {
  if (state_ == State::idle || state_ == State::closed) return;
  ++stats_.frames_in;
  stats_.bytes_in += frame.size();
  last_heard_ = now;
  const Decoded decoded = decode(frame, Sender::server, options_.limits, effects.scratch);
  if (!decoded.ok()) return on_fault(decoded, effects);
  if (decoded.link != id_) {
    ++stats_.malformed;
    return fail(CloseReason::protocol,
                fmt::format("a frame of link {} was given to link {}", decoded.link, id_),
                ByeCode::protocol, effects);
  }
  std::visit([&](const auto& message) { handle(message, now, effects); }, decoded.message);
}

void ClientLink::on_fault(const Decoded& decoded, ClientEffects& effects) {
  if (decoded.fault == Fault::type) {
    ++stats_.unknown_messages;  // of a newer server, which must live without an answer
    return;
  }
  ++stats_.malformed;
  fail(close_reason(decoded.fault), fmt::format("{}: {}", decoded.field, to_string(decoded.fault)),
       ByeCode::malformed, effects);
}

bool ClientLink::require_open(const char* what, ClientEffects& effects) {
  if (state_ == State::open) return true;
  fail(CloseReason::protocol, fmt::format("a {} before the welcome", what), ByeCode::protocol,
       effects);
  return false;
}

// -- handshake -----------------------------------------------------------------------------------

void ClientLink::handle(const Welcome& welcome, TimePoint, ClientEffects& effects) {
  if (state_ != State::greeting) {
    return fail(CloseReason::protocol, "a second welcome", ByeCode::protocol, effects);
  }
  if (welcome.digest != digest_of(welcome.clocks)) {
    ++stats_.malformed;
    return fail(CloseReason::malformed, "welcome.digest: does not match", ByeCode::malformed,
                effects);
  }
  if ((welcome.features & ~options_.features) != 0) {
    return fail(CloseReason::protocol, "the server uses features that were not offered",
                ByeCode::protocol, effects);
  }
  LinkOpened opened;
  std::size_t states = options_.known_states;
  if (!welcome.schema.empty()) {
    DecodedSchema decoded = decode_schema(welcome.schema, options_.limits);
    if (!decoded.schema) {
      return fail(CloseReason::schema, std::move(decoded.error), ByeCode::malformed, effects);
    }
    opened.schema = std::move(decoded.schema);
    states = opened.schema->entries().size();
  } else if (options_.known_fingerprint == 0 || welcome.fingerprint != options_.known_fingerprint) {
    return fail(CloseReason::schema, "a new schema was announced, but not sent", ByeCode::protocol,
                effects);
  }
  if (states != welcome.clocks.ticks.size()) {
    return fail(CloseReason::schema,
                fmt::format("the schema has {} states, the clocks have {}", states,
                            welcome.clocks.ticks.size()),
                ByeCode::protocol, effects);
  }
  state_ = State::open;
  handshake_deadline_ = TimePoint::max();
  sequence_ = welcome.sequence;
  digest_ = welcome.digest;
  welcome.clocks.copy_to(clocks_);
  opened.machine_id = welcome.machine_id;
  opened.epoch = welcome.epoch;
  opened.fingerprint = welcome.fingerprint;
  opened.features = welcome.features;
  opened.extensions = welcome.extensions;
  effects.events.emplace_back(std::move(opened));
}

void ClientLink::handle(const Refused& refused, TimePoint, ClientEffects& effects) {
  if (state_ != State::greeting) {
    return fail(CloseReason::protocol, "refused after the welcome", ByeCode::protocol, effects);
  }
  LinkClosed closed;
  closed.reason = CloseReason::refused;
  closed.text = fmt::format("refused ({}): {}", to_string(refused.code), refused.text);
  closed.refused = refused.code;
  closed.retry_after_ms = refused.retry_after_ms;
  end(std::move(closed), effects);
}

// -- clocks --------------------------------------------------------------------------------------

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
  effects.events.emplace_back(ClocksChanged{cause});
  return true;
}

void ClientLink::handle(const Reply& reply, TimePoint now, ClientEffects& effects) {
  if (!require_open("reply", effects)) return;
  ++stats_.replies;
  if (reply.result == Result::not_sent) ++stats_.refused;
  const bool current =
      take_diff(reply.sequence, *reply.diff, reply.digest, ClocksCause::reply, now, effects);
  Call* call = calls_.find(reply.request);
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

void ClientLink::handle(const Push& push, TimePoint now, ClientEffects& effects) {
  if (!require_open("push", effects)) return;
  ++stats_.pushes;
  take_diff(push.sequence, *push.diff, push.digest, ClocksCause::push, now, effects);
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
  const bool forward = compare(clocks_, snapshot.clocks, effects.changed);
  if (!forward && snapshot.clocks.machine_tick <= clocks_.machine_tick) {
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
  if (moved) effects.events.emplace_back(ClocksChanged{ClocksCause::snapshot});
  effects.events.emplace_back(Synced{});
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
  if (calls_.empty()) return;
  std::vector<RequestId> settled;
  calls_.for_each([&](RequestId request, Call& call) {
    if (call.result) {
      answer(request, *call.result, call.error, effects);
    } else if (request <= snapshot.last_request &&
               !std::ranges::binary_search(snapshot.running, request)) {
      ++stats_.lost_replies;
      answer(request, {Result::unknown, Reason::link}, "the answer was lost", effects);
    } else {
      return;
    }
    settled.push_back(request);
  });
  for (const RequestId request : settled) calls_.remove(request);
}

// -- other messages ------------------------------------------------------------------------------

void ClientLink::handle(const Problem& problem, TimePoint, ClientEffects& effects) {
  if (problem.request == 0) {
    effects.events.emplace_back(ProblemReported{problem.code, std::string{problem.text}});
  } else if (calls_.remove(problem.request)) {
    ++stats_.refused;
    answer(problem.request, result_of(problem.code), problem.text, effects);
  } else {
    ++stats_.late_replies;
  }
}

void ClientLink::handle(const Bye& bye, TimePoint, ClientEffects& effects) {
  LinkClosed closed;
  closed.reason = CloseReason::bye;
  closed.text = fmt::format("the server said bye ({})", to_string(bye.code));
  closed.bye = bye.code;
  closed.retry_after_ms = bye.retry_after_ms;
  end(std::move(closed), effects);
}

void ClientLink::handle(const Ping& ping, TimePoint, ClientEffects& effects) {
  send(Pong{ping.token, 0}, effects);
}

void ClientLink::handle(const Pong& pong, TimePoint now, ClientEffects& effects) {
  if (!require_open("pong", effects)) return;
  if (pong.sequence > sequence_ && !resyncing_) resync(now, effects);
  effects.events.emplace_back(Ponged{pong.token});
}

template <class Message>
void ClientLink::handle(const Message&, TimePoint, ClientEffects&) {
  // Other messages are not decoded from a server.
}

// -- time ----------------------------------------------------------------------------------------

void ClientLink::expire_calls(TimePoint now, ClientEffects& effects) {
  if (now < first_deadline_) return;
  first_deadline_ = TimePoint::max();
  std::vector<RequestId> expired;
  calls_.for_each([&](RequestId request, Call& call) {
    if (now < call.deadline) {
      first_deadline_ = std::min(first_deadline_, call.deadline);
    } else {
      if (call.result) {
        answer(request, *call.result, call.error, effects);
      } else {
        ++stats_.timeouts;
        answer(request, {Result::unknown, Reason::timeout}, "no answer before the deadline",
               effects);
      }
      expired.push_back(request);
    }
  });
  for (const RequestId request : expired) calls_.remove(request);
}

void ClientLink::poll(TimePoint now, ClientEffects& effects) {
  if (state_ == State::greeting && now >= handshake_deadline_) {
    return fail(CloseReason::handshake_timeout, "no answer to the hello in time", ByeCode::timeout,
                effects);
  }
  if (state_ != State::open) return;
  expire_calls(now, effects);
  if (resyncing_ && now >= resync_deadline_) ask_snapshot(now, effects);
}

ClientLink::TimePoint ClientLink::next_deadline() const noexcept {
  switch (state_) {
    case State::greeting: return handshake_deadline_;
    case State::open: return std::min(first_deadline_, resync_deadline_);
    case State::idle:
    case State::closed: break;
  }
  return TimePoint::max();
}

}  // namespace am::rpc::internal
