#include <am/rpc/internal/client_link.hpp>

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

}  // namespace

ClientLink::ClientLink(LinkId id, ClientLinkOptions options)
    : id_(id), options_(std::move(options)) {}

// -- output --------------------------------------------------------------------------------------

void ClientLink::answer(RequestId request, Result result, std::string_view error,
                        ClientEffects& effects) {
  effects.events.emplace_back(Replied{request, result, std::string{error}});
}

void ClientLink::end(LinkClosed closed, ClientEffects& effects) {
  state_ = State::closed;
  resyncing_ = false;
  resync_deadline_ = handshake_deadline_ = TimePoint::max();
  proceeding_ = false;
  if (choosing_) choice_over(closed.text.empty() ? "the link has ended" : closed.text, effects);
  if (!options_.resumable) calls_.end(true, closed.text, answering(effects));
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

RequestId ClientLink::mutate(Op op, std::span<const StateIndex> called, ByteView args,
                             TimePoint deadline, ClientEffects& effects) {
  ClientCall call;
  call.op = op;
  call.called.assign(called.begin(), called.end());
  call.args.assign(args.begin(), args.end());
  call.deadline = deadline;
  return mutate(std::move(call), effects);
}

RequestId ClientLink::mutate(ClientCall call, ClientEffects& effects) {
  const auto refuse = [&](Reason reason, std::string_view text) {
    const RequestId request = calls_.pass();
    ++stats_.refused;
    answer(request, {Result::not_sent, reason}, text, effects);
    return request;
  };
  const bool ready = state_ == State::open && !proceeding_;
  if (!ready && (call.when_down == DownPolicy::fail || !options_.resumable)) {
    return refuse(Reason::link, "the link is not open");
  }
  if (calls_.size() >= options_.limits.pending_calls) {
    return refuse(Reason::queue_full, fmt::format("{} calls wait already", calls_.size()));
  }
  const std::size_t states = clocks_.ticks.size();
  for (const StateIndex index : call.called) {
    if (index >= states) {
      return refuse(Reason::denied,
                    fmt::format("no state at index {}: the machine has {}", index, states));
    }
  }
  if (call.called.size() > options_.limits.called || call.args.size() > options_.limits.args) {
    return refuse(
        Reason::denied,
        fmt::format("{} states with {} bytes of arguments: at most {} and {}", call.called.size(),
                    call.args.size(), options_.limits.called, options_.limits.args));
  }
  const RequestId request = calls_.next();
  if (ready) {
    if (!send_call(request, call, effects)) {
      return refuse(Reason::denied, fmt::format("the call does not fit into a frame of {} bytes",
                                                options_.limits.frame));
    }
    ++stats_.requests;
    call.sent = true;
  }
  calls_.add(std::move(call));
  return request;
}

bool ClientLink::send_call(RequestId request, const ClientCall& call, ClientEffects& effects) {
  return send(Mutate{request, call.op, calls_.lowest().value_or(request), call.called, call.args},
              effects);
}

void ClientLink::proceed(TimePoint now, ClientEffects& effects) {
  if (state_ != State::open || !std::exchange(proceeding_, false)) return;
  // Whether requests of a session that is gone have run cannot be found out any more.
  if (!same_session_)
    calls_.end(false, "the server does not know the session any more", answering(effects));
  stats_.timeouts += calls_.expire(now, answering(effects));
  calls_.end_if([&](RequestId request, ClientCall& call) {
    if (call.result) {
      answer(request, *call.result, call.error, effects);  // the clocks show it now
      return true;
    }
    if (!send_call(request, call, effects)) {
      answer(request, {call.sent ? Result::unknown : Result::not_sent, Reason::denied},
             "the call does not fit into a frame", effects);
      return true;
    }
    if (!std::exchange(call.sent, true)) ++stats_.requests;
    return false;
  });
}

void ClientLink::give_up(std::string_view text, ClientEffects& effects) {
  if (state_ == State::closed) calls_.end(true, text, answering(effects));
}

void ClientLink::sync(ClientEffects& effects) {
  if (state_ == State::open) send(Sync{}, effects);
}

void ClientLink::choice_over(std::string error, ClientEffects& effects) {
  choosing_.reset();
  effects.events.emplace_back(ChoiceAnswered{std::move(error)});
}

void ClientLink::choose(SyncOptions choice, ClientEffects& effects) {
  const auto refuse = [&](const char* why) { effects.events.emplace_back(ChoiceAnswered{why}); };
  if (state_ != State::open || proceeding_) return refuse("the link is not open");
  if (!may_choose_) return refuse("the link was opened without a choice");
  if (choosing_) return refuse("another choice waits for its answer");
  if (choice.log && !may_log_) return refuse("the server keeps no log of transitions");
  Bytes bytes;
  Writer writer{bytes};
  write_choice(writer, choice);
  if (bytes.size() > options_.limits.extension || !send(Choose{last_choice_ + 1, bytes}, effects)) {
    return refuse("the choice is too long");
  }
  ++last_choice_;
  choosing_ = std::move(choice);
}

void ClientLink::ping(std::uint64_t token, ClientEffects& effects) {
  if (state_ == State::open) send(Ping{token}, effects);
}

void ClientLink::close(ByeCode code, ClientEffects& effects) {
  if (state_ == State::closed) return;
  if (state_ != State::idle) send(Bye{code, 0}, effects);
  end({CloseReason::local, fmt::format("closed here ({})", to_string(code)), code}, effects);
  if (options_.resumable) give_up("closed here", effects);
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

void ClientLink::poll(TimePoint now, ClientEffects& effects) {
  stats_.timeouts += calls_.expire(now, answering(effects));  // they outlive links
  if (state_ == State::greeting && now >= handshake_deadline_) {
    return fail(CloseReason::handshake_timeout, "no answer to the hello in time", ByeCode::timeout,
                effects);
  }
  if (resyncing_ && now >= resync_deadline_) ask_snapshot(now, effects);
}

ClientLink::TimePoint ClientLink::next_deadline() const noexcept {
  // Calls outlive links; the others are never while they do not count.
  return std::min({handshake_deadline_, calls_.next_deadline(), resync_deadline_});
}

}  // namespace am::rpc::internal
