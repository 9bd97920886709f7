#include <am/rpc/internal/server_sessions.hpp>

#include <am/detail/deadline.hpp>

namespace am::rpc::internal {

ServerSessions::Opened ServerSessions::open(const SessionKey& key, Token token, LinkName link) {
  Opened opened;
  if (const auto known = tokens_.find(key); known != tokens_.end()) {
    auto& session = sessions_.at(known->second);
    opened.former = session.link;
    if (session.token == token && resumable()) {
      take_out(session);
      session.link = link;
      opened.session = &session;
      opened.resumed = true;
      return opened;
    }
    remove(session.token);
  }
  Token fresh = random_();
  while (fresh == 0 || sessions_.contains(fresh)) fresh = random_();
  auto& session = sessions_[fresh];
  session.token = fresh;
  session.key = key;
  session.log = std::make_shared<RequestLog>(limits_.log);
  session.link = link;
  tokens_[key] = fresh;
  opened.session = &session;
  return opened;
}

ServerSessions::Session* ServerSessions::find(Token token) noexcept {
  const auto found = sessions_.find(token);
  return found == sessions_.end() ? nullptr : &found->second;
}

void ServerSessions::detach(Token token, TimePoint now) {
  auto* session = find(token);
  if (session == nullptr || !session->link) return;
  if (!resumable()) return remove(token);
  session->link.reset();
  session->expires = am::detail::deadline_after(now, limits_.ttl);
  session->bytes = session->log->bytes();
  waiting_.insert({session->expires, token});
  waiting_bytes_ += session->bytes;
  while (waiting_.size() > limits_.waiting || waiting_bytes_ > limits_.waiting_bytes) {
    remove(waiting_.begin()->second);
  }
}

/// No longer among those that wait, if it was.
void ServerSessions::take_out(Session& session) {
  if (waiting_.erase({session.expires, session.token}) == 0) return;
  waiting_bytes_ -= session.bytes;
}

void ServerSessions::remove(Token token) {
  const auto found = sessions_.find(token);
  if (found == sessions_.end()) return;
  take_out(found->second);
  tokens_.erase(found->second.key);
  sessions_.erase(found);
  if (ended_) ended_(token);
}

void ServerSessions::expire(TimePoint now) {
  while (!waiting_.empty() && waiting_.begin()->first <= now) remove(waiting_.begin()->second);
}

}  // namespace am::rpc::internal
