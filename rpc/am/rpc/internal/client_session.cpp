#include <am/rpc/internal/client_session.hpp>

#include <am/detail/deadline.hpp>

#include <algorithm>
#include <utility>

namespace am::rpc::internal {

namespace {

ClientLinkOptions link_options(ClientSessionOptions& options) {
  options.link.resumable = options.resume != Resume::never;
  return options.link;
}

}  // namespace

ClientSession::ClientSession(LinkId id, ClientSessionOptions options, std::uint64_t seed)
    : options_(std::move(options)),
      link_(id, link_options(options_)),
      backoff_(options_.first_pause, options_.longest_pause, seed) {}

bool ClientSession::wants_hello(TimePoint now) const noexcept {
  if (link_.state() == ClientLink::State::idle) return true;
  return link_.state() == ClientLink::State::closed && retrying_ && retry_at_ <= now;
}

void ClientSession::greet(LinkId id, TimePoint now, ClientEffects& effects) {
  retrying_ = false;
  if (link_.state() == ClientLink::State::idle) {
    link_.start({}, now, effects);
  } else {
    link_.restart(id, {}, now, effects);
  }
}

void ClientSession::proceed(TimePoint now, ClientEffects& effects) {
  if (!std::exchange(opened_, true)) link_.set_handshake_timeout(options_.handshake_timeout);
  opened_at_ = now;
  give_up_at_ = TimePoint::max();
  link_.proceed(now, effects);
}

void ClientSession::connection_lost(std::string text, ClientEffects& effects) {
  const auto state = link_.state();
  if (state == ClientLink::State::idle || state == ClientLink::State::closed) return;
  connection_lost_ = true;
  link_.abandon(std::move(text), effects);
}

bool ClientSession::worth_another(const LinkClosed& closed) const noexcept {
  // An attempt to attach has a caller who waits, and who wants to know what is wrong.
  const bool soon =
      closed.reason == CloseReason::refused
          ? closed.refused == RefuseCode::busy || closed.refused == RefuseCode::shutting_down
          : closed.reason == CloseReason::bye && closed.bye == ByeCode::restarting;
  if (connection_lost_) return !opened_ || options_.resume != Resume::never;
  if (!opened_) return soon;
  if (options_.resume == Resume::never) return false;
  switch (closed.reason) {
    case CloseReason::refused:
      // A server that has just started may expose its machines a moment later.
      return soon || closed.refused == RefuseCode::unknown_machine;
    case CloseReason::bye:
      if (closed.bye == ByeCode::machine_gone) return false;
      return closed.bye != ByeCode::closing || options_.resume == Resume::always;
    case CloseReason::handshake_timeout:
    case CloseReason::resync_timeout:
    case CloseReason::malformed:
    case CloseReason::oversized:
    case CloseReason::protocol: return true;
    case CloseReason::none:
    case CloseReason::local:
    case CloseReason::version:
    case CloseReason::schema: break;
  }
  return false;
}

ClientSession::Next ClientSession::ended(const LinkClosed& closed, TimePoint now,
                                         ClientEffects& effects) {
  const bool again = worth_another(closed);
  const bool lost = std::exchange(connection_lost_, false);
  retrying_ = again;
  if (!again) {
    link_.give_up(closed.text, effects);
    return Next::end;
  }
  // A link that opens and ends at once, again and again, is no reason to hurry.
  if (opened_at_ != TimePoint{} && now - opened_at_ >= options_.longest_pause) backoff_.reset();
  if (lost || (closed.reason == CloseReason::bye && closed.bye == ByeCode::schema_changed)) {
    retry_at_ = now;
  } else if (closed.retry_after_ms != 0) {
    const auto most = std::chrono::milliseconds{std::chrono::hours{24}};
    const auto wish =
        std::min<std::uint64_t>(closed.retry_after_ms, static_cast<std::uint64_t>(most.count()));
    retry_at_ =
        detail::deadline_after(now, std::chrono::milliseconds{static_cast<std::int64_t>(wish)});
  } else {
    retry_at_ = detail::deadline_after(now, backoff_.next());
  }
  if (opened_ && give_up_at_ == TimePoint::max() && options_.give_up_after.count() > 0) {
    give_up_at_ = detail::deadline_after(now, options_.give_up_after);
  }
  return Next::retry;
}

bool ClientSession::given_up(TimePoint now) const noexcept { return now >= give_up_at_; }

void ClientSession::end(std::string_view text, ClientEffects& effects) {
  retrying_ = false;
  give_up_at_ = TimePoint::max();
  link_.close(ByeCode::closing, effects);
  link_.give_up(text, effects);
}

ClientSession::TimePoint ClientSession::next_deadline(bool connected) const noexcept {
  const auto hello = connected && retrying_ ? retry_at_ : TimePoint::max();
  return std::min({link_.next_deadline(), hello, give_up_at_});
}

}  // namespace am::rpc::internal
