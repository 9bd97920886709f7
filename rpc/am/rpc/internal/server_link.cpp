#include <am/rpc/internal/server_link.hpp>

#include <am/detail/deadline.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <type_traits>
#include <utility>

namespace am::rpc::internal {

ServerLink::ServerLink(LinkId id, const ServerLinkOptions& options, TimePoint now,
                       std::shared_ptr<PushWindow> window)
    : id_(id),
      options_(options),
      last_heard_(now),
      log_(std::make_shared<RequestLog>()),
      window_(window != nullptr ? std::move(window) : std::make_shared<PushWindow>()),
      last_send_(now) {}

void ServerLink::set_push(PushMode mode, std::chrono::nanoseconds interval) noexcept {
  options_.push_mode = mode;
  options_.push_interval = interval;
}

// -- output --------------------------------------------------------------------------------------

void ServerLink::problem(RequestId request, ErrorCode code, std::string_view text,
                         ServerEffects& effects) {
  send(Problem{request, code, clipped(text, options_.limits.text)}, effects);
}

// Refuses a request of an open link.
void ServerLink::deny(RequestId request, Reason reason, std::string_view text,
                      ServerEffects& effects) {
  ++stats_.refused;
  const Result result{Result::not_sent, reason};
  log_->finish(request, result, clipped(text, options_.limits.text), in_session());
  answer_without_news(request, result, text, effects);
}

// A request came again: with another link of the session, whose answers may have been lost.
void ServerLink::repeat(RequestId request, ServerEffects& effects) {
  ++stats_.duplicates;
  if (!in_session()) {
    return problem(request, ErrorCode::duplicate,
                   fmt::format("request {} is not above {}", request, log_->last()), effects);
  }
  switch (log_->look(request)) {
    case RequestLog::Seen::answered: {
      const auto* answer = log_->answer(request);
      return answer_without_news(request, answer->result, answer->text, effects);
    }
    case RequestLog::Seen::gone:
      return answer_without_news(request, {Result::unknown, Reason::link},
                                 "its answer is not known any more", effects);
    case RequestLog::Seen::running:  // its answer comes when it has ended
    case RequestLog::Seen::fresh: return;
  }
}

// A reply that has its place in the sequence, so that a client finds out when it is lost, but no
// clocks: it neither postpones a push nor clears dirt.
void ServerLink::answer_without_news(RequestId request, Result result, std::string_view text,
                                     ServerEffects& effects) {
  effects.scratch.diff.clear();
  const Reply reply{request,
                    sequence_ + 1,
                    result,
                    clipped(text, options_.limits.text),
                    &effects.scratch.diff,
                    short_digest(digest_)};
  if (!send(reply, effects)) return too_large("a reply", effects);
  ++sequence_;
}

void ServerLink::finish(LinkClosed closed, ServerEffects& effects) {
  state_ = State::closed;
  window_->forget(id_);
  effects.events.emplace_back(std::move(closed));
}

void ServerLink::end(CloseReason reason, std::string text, ByeCode code, ServerEffects& effects) {
  send(Bye{code, 0}, effects);
  LinkClosed closed;
  closed.reason = reason;
  closed.text = std::move(text);
  finish(std::move(closed), effects);
}

// -- input from the peer -------------------------------------------------------------------------

void ServerLink::on_frame(ByteView frame, TimePoint now, ServerEffects& effects) {
  if (state_ == State::closed) return;
  ++stats_.frames_in;
  stats_.bytes_in += frame.size();
  last_heard_ = now;
  const Decoded decoded = decode(frame, Sender::client, options_.limits, effects.scratch);
  if (!decoded.ok()) return on_fault(decoded, effects);
  if (decoded.link != id_) {
    ++stats_.malformed;
    return end(CloseReason::protocol,
               fmt::format("a frame of link {} was given to link {}", decoded.link, id_),
               ByeCode::protocol, effects);
  }
  std::visit([&](const auto& message) { handle(message, effects); }, decoded.message);
}

void ServerLink::on_fault(const Decoded& decoded, ServerEffects& effects) {
  if (decoded.fault == Fault::type) {
    ++stats_.unknown_messages;
    return problem(0, ErrorCode::unknown_message,
                   fmt::format("message type {:#04x} is not known here", decoded.type), effects);
  }
  ++stats_.malformed;
  std::string text = fmt::format("{}: {}", decoded.field, to_string(decoded.fault));
  if (decoded.fault == Fault::version && state_ == State::waiting) {
    send(Refused{RefuseCode::version, 0,
                 fmt::format("this server speaks protocol versions {} to {}", min_version,
                             max_version)},
         effects);
    LinkClosed closed;
    closed.reason = CloseReason::version;
    closed.text = std::move(text);
    return finish(std::move(closed), effects);
  }
  end(close_reason(decoded.fault), std::move(text), ByeCode::malformed, effects);
}

void ServerLink::handle(const Hello& hello, ServerEffects& effects) {
  if (state_ != State::waiting) {
    return end(CloseReason::protocol, "a second hello", ByeCode::protocol, effects);
  }
  state_ = State::greeted;
  session_ = hello.session;
  known_fingerprint_ = hello.fingerprint;
  effects.events.emplace_back(HelloReceived{hello.client_id, hello.machine_id, hello.session,
                                            hello.fingerprint, hello.features, hello.extensions,
                                            find_offer(hello.extensions)});
}

void ServerLink::handle(const Mutate& mutate, ServerEffects& effects) {
  if (state_ != State::open) {
    ++stats_.refused;
    return problem(mutate.request, ErrorCode::not_open, "no handshake yet", effects);
  }
  lowest_unanswered_ = std::max(lowest_unanswered_, mutate.lowest_unanswered);
  log_->forget_below(lowest_unanswered_);
  window_->has_replies_below(id_, lowest_unanswered_);
  if (mutate.request <= log_->last()) return repeat(mutate.request, effects);
  const bool room = log_->running() < options_.limits.pending_requests;
  log_->begin(mutate.request);
  if (!room) {
    return deny(mutate.request, Reason::queue_full,
                fmt::format("{} requests of this link wait already", log_->running() - 1), effects);
  }
  const std::size_t states = sent_.ticks.size();
  const auto unknown =
      std::ranges::find_if(mutate.called, [states](StateIndex index) { return index >= states; });
  if (unknown != mutate.called.end()) {
    return deny(mutate.request, Reason::denied,
                fmt::format("no state at index {}: the machine has {}", *unknown, states), effects);
  }
  ++stats_.requests;
  effects.events.emplace_back(
      MutationReceived{mutate.request, mutate.op, mutate.called, mutate.args});
}

void ServerLink::handle(const Sync&, ServerEffects& effects) {
  if (state_ != State::open) {
    ++stats_.refused;
    return problem(0, ErrorCode::not_open, "no handshake yet", effects);
  }
  if (std::exchange(sync_asked_, true)) return;
  effects.events.emplace_back(SyncReceived{});
}

void ServerLink::handle(const Choose& choose, ServerEffects& effects) {
  if (state_ != State::open || (features_ & feature_choice) == 0) {
    return end(CloseReason::protocol, "a choice that was not agreed on", ByeCode::protocol,
               effects);
  }
  effects.events.emplace_back(ChoiceReceived{choose.token, choose.choice});
}

void ServerLink::handle(const Bye& bye, ServerEffects& effects) {
  finish({CloseReason::bye, fmt::format("the client said bye ({})", to_string(bye.code)), bye.code,
          RefuseCode{}, bye.retry_after_ms},
         effects);
}

void ServerLink::handle(const Ping& ping, ServerEffects& effects) {
  send(Pong{ping.token, sequence_}, effects);
}

void ServerLink::handle(const Pong& pong, ServerEffects&) { window_->answered(pong.token); }

template <class Message>
void ServerLink::handle(const Message&, ServerEffects&) {
  // Other messages are not decoded from a client.
}

// -- input from the source -----------------------------------------------------------------------

void ServerLink::accept(const Acceptance& acceptance, TimePoint now, ServerEffects& effects) {
  if (state_ != State::greeted) return;
  const std::uint64_t digest = digest_of(acceptance.clocks);
  Welcome welcome;
  welcome.features = acceptance.features;
  welcome.epoch = acceptance.epoch;
  welcome.fingerprint = acceptance.fingerprint;
  welcome.machine_id = acceptance.machine_id;
  if (known_fingerprint_ == 0 || known_fingerprint_ != acceptance.fingerprint) {
    welcome.schema = acceptance.schema;
  }
  welcome.clocks = acceptance.clocks;
  welcome.digest = digest;
  std::vector<Extension> extensions(acceptance.extensions.begin(), acceptance.extensions.end());
  Bytes token;
  if ((acceptance.features & feature_resume) != 0) {
    token = encode_token(acceptance.token);
    extensions.push_back({static_cast<std::uint64_t>(ExtensionId::resume), token});
  }
  welcome.extensions = extensions;
  if (acceptance.clocks.ticks.size() > options_.limits.states || !send(welcome, effects)) {
    return refuse(RefuseCode::too_large,
                  fmt::format("{} states and their schema do not fit into a frame of {} bytes",
                              acceptance.clocks.ticks.size(), options_.limits.frame),
                  0, effects);
  }
  state_ = State::open;
  features_ = acceptance.features;
  if (acceptance.log != nullptr) log_ = acceptance.log;
  rebase(acceptance.clocks);
  last_send_ = now;
}

void ServerLink::refuse(RefuseCode code, std::string_view text, std::uint64_t retry_after_ms,
                        ServerEffects& effects) {
  if (state_ != State::greeted) return;
  send(Refused{code, retry_after_ms, clipped(text, options_.limits.text)}, effects);
  finish({CloseReason::refused, fmt::format("refused ({}): {}", to_string(code), text), ByeCode{},
          code, retry_after_ms},
         effects);
}

void ServerLink::on_source_changed(SourceChange change, TimePoint now) noexcept {
  if (state_ != State::open) return;
  if (dirt_ == Dirt::none) dirty_since_ = now;
  if (change == SourceChange::ticks) {
    dirt_ = Dirt::ticks;
  } else if (dirt_ == Dirt::none) {
    dirt_ = Dirt::queue_only;
  }
}

// Ends the link when the machine is not the one that was announced in the welcome.
bool ServerLink::check_size(ClocksView clocks, ServerEffects& effects) {
  if (clocks.ticks.size() == sent_.ticks.size()) return true;
  end(CloseReason::schema,
      fmt::format("the machine has {} states now, it had {}", clocks.ticks.size(),
                  sent_.ticks.size()),
      ByeCode::schema_changed, effects);
  return false;
}

// Moves what the client will have to `clocks`. Returns what to send for it; nothing, changing
// nothing, when no diff can say it.
std::optional<ServerLink::Step> ServerLink::advance(LinkClocks clocks, Candidates candidates,
                                                    ServerEffects& effects) {
  if (clocks.feed != nullptr) {
    const EncodedDiff* step = clocks.feed->since(version_, sent_);
    if (step == nullptr) return std::nullopt;
    apply_diff(*step->diff, sent_);
    digest_ = step->digest;
    version_ = clocks.feed->version();
    return Step{step->diff, step->bytes};
  }
  Diff& diff = effects.scratch.diff;
  if (!make_diff(sent_, clocks, candidates, diff)) return std::nullopt;
  const auto digest = digest_after(sent_, digest_, diff);
  if (!digest) return std::nullopt;
  apply_diff(diff, sent_);
  digest_ = *digest;
  return Step{&diff, {}};
}

// Takes `clocks` over as what the client will have.
void ServerLink::rebase(LinkClocks clocks) {
  clocks.copy_to(sent_);
  digest_ = clocks.feed == nullptr ? digest_of(clocks) : clocks.feed->digest();
  version_ = clocks.feed == nullptr ? 0 : clocks.feed->version();
}

void ServerLink::on_result(RequestId request, Result result, std::string_view error,
                           LinkClocks clocks, Candidates candidates, TimePoint now,
                           ServerEffects& effects) {
  if (!log_->finish(request, result, clipped(error, options_.limits.text), in_session())) return;
  if (state_ != State::open) return;
  if (!check_size(clocks, effects)) return;
  // A restored source goes back, which only a snapshot can say; the reply then adds nothing.
  auto step = advance(clocks, candidates, effects);
  if (!step) {
    send_snapshot(clocks, now, effects);
    if (state_ != State::open) return;
    effects.scratch.diff.clear();
    step = Step{&effects.scratch.diff, {}};
  }
  const Reply reply{
      request,    sequence_ + 1,         result,       clipped(error, options_.limits.text),
      step->diff, short_digest(digest_), step->encoded};
  if (!send(reply, effects)) return too_large("a reply", effects);
  ++stats_.replies;
  sent_clocks(now, effects);
  window_->sent_reply(id_, request);
}

Snapshot ServerLink::snapshot(LinkClocks clocks, ServerEffects& effects) {
  rebase(clocks);
  std::vector<RequestId>& running = effects.scratch.running;
  running.clear();
  log_->for_each_running([&](RequestId request) { running.push_back(request); });
  return {sequence_ + 1, log_->last(), running, clocks, digest_};
}

void ServerLink::send_snapshot(LinkClocks clocks, TimePoint now, ServerEffects& effects) {
  if (state_ != State::open || !check_size(clocks, effects)) return;
  if (!send(snapshot(clocks, effects), effects)) return too_large("a snapshot", effects);
  ++stats_.snapshots;
  sync_asked_ = false;
  sent_clocks(now, effects);
}

void ServerLink::send_chosen(std::uint64_t token, ByteView names, LinkClocks clocks, TimePoint now,
                             ServerEffects& effects) {
  if (state_ != State::open || !check_size(clocks, effects)) return;
  if (!send(Chosen{token, {}, names, snapshot(clocks, effects)}, effects)) {
    return too_large("a snapshot", effects);
  }
  ++stats_.snapshots;
  sent_clocks(now, effects);
}

void ServerLink::refuse_choice(std::uint64_t token, std::string_view text, ServerEffects& effects) {
  if (state_ != State::open) return;
  ++stats_.refused;
  send(Chosen{token, clipped(text, options_.limits.text), {}, {}}, effects);
}

void ServerLink::too_large(const char* what, ServerEffects& effects) {
  end(CloseReason::oversized,
      fmt::format("{} does not fit into a frame of {} bytes", what, options_.limits.frame),
      ByeCode::overloaded, effects);
}

void ServerLink::sent_clocks(TimePoint now, ServerEffects& effects) {
  ++sequence_;
  dirt_ = Dirt::none;
  last_send_ = now;
  window_->sent();
  if (window_->should_ask()) ask_how_far(now, effects);
}

void ServerLink::ask_how_far(TimePoint now, ServerEffects& effects) {
  send(Ping{window_->ask(id_, now)}, effects);
}

// -- time ----------------------------------------------------------------------------------------

void ServerLink::poll(TimePoint now, LinkClocks clocks, Candidates candidates,
                      ServerEffects& effects) {
  if (!due(now)) return;
  if (state_ == State::waiting) {
    return end(CloseReason::handshake_timeout, "no hello in time", ByeCode::timeout, effects);
  }
  if (window_->full() && check_size(clocks, effects)) return ask_how_far(now, effects);
  push_now(now, clocks, candidates, effects);
}

void ServerLink::push_now(TimePoint now, LinkClocks clocks, Candidates candidates,
                          ServerEffects& effects) {
  if (state_ != State::open || window_->full() || !check_size(clocks, effects)) return;
  const auto step = advance(clocks, candidates, effects);
  if (!step) return send_snapshot(clocks, now, effects);
  if (step->diff->empty()) {
    // Reported before the last message read the clocks. Nothing is sent, so nothing is postponed.
    dirt_ = Dirt::none;
    return;
  }
  if (!send(Push{sequence_ + 1, step->diff, short_digest(digest_), step->encoded}, effects)) {
    return too_large("a push", effects);
  }
  ++stats_.pushes;
  sent_clocks(now, effects);
}

void ServerLink::send_transition(const TransitionStory& story, TimePoint now, LinkClocks clocks,
                                 ServerEffects& effects) {
  if (state_ != State::open || window_->full() || !check_size(clocks, effects)) return;
  const auto step = advance(clocks, std::nullopt, effects);
  if (!step) return send_snapshot(clocks, now, effects);
  if (step->diff->empty()) return;
  const Logged logged{sequence_ + 1, story, step->diff, short_digest(digest_), step->encoded};
  if (!send(logged, effects)) return too_large("a transition", effects);
  ++stats_.pushes;
  sent_clocks(now, effects);
}

ServerLink::TimePoint ServerLink::next_deadline() const noexcept {
  if (state_ == State::waiting)
    return detail::deadline_after(last_send_, options_.handshake_timeout);
  // A running mutation's reply will carry the clocks.
  if (state_ != State::open || dirt_ == Dirt::none || log_->running() != 0 ||
      options_.push_mode == PushMode::disabled) {
    return TimePoint::max();
  }
  if (window_->full()) return window_->ask_again_at();
  const TimePoint next = detail::deadline_after(last_send_, options_.push_interval);
  // After a quiet time there is no trailing edge to wait for: the queue's change begins a window.
  if (dirt_ == Dirt::queue_only && dirty_since_ >= next) {
    return detail::deadline_after(dirty_since_, options_.push_interval);
  }
  return next;
}

// -- end -----------------------------------------------------------------------------------------

void ServerLink::close(ByeCode code, std::uint64_t retry_after_ms, ServerEffects& effects) {
  if (state_ == State::closed) return;
  send(Bye{code, retry_after_ms}, effects);
  finish({CloseReason::local, fmt::format("closed here ({})", to_string(code)), code, RefuseCode{},
          retry_after_ms},
         effects);
}

}  // namespace am::rpc::internal
