// What a server's machines have come to, and who is told: on the I/O thread but for `post`.
#include <am/rpc/internal/server_core.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace am::rpc::internal {

namespace {

TransportTime now() { return std::chrono::steady_clock::now(); }

}  // namespace

void ServerCore::post(Done done) {
  {
    const std::lock_guard lock(done_mutex_);
    done_.push_back(std::move(done));
  }
  if (!transport_.on_leading_thread()) transport_.wake();
}

void ServerCore::answer_done() {
  {
    const std::lock_guard lock(done_mutex_);
    answering_.swap(done_);
  }
  if (!answering_.empty()) drain_logs();  // transitions come before the answers to what made them
  for (const auto& done : answering_) {
    const auto* session = sessions_.find(done.session);
    if (session == nullptr) continue;
    auto* link = session->link ? find({PeerId{session->link->peer}, session->link->link}) : nullptr;
    if (link == nullptr || link->exposed == nullptr) {
      // For when its client comes back.
      session->log->finish(done.request, done.result, done.error, true);
      continue;
    }
    tell_error(*link);
    link->link.on_result(done.request, done.result, done.error, clocks_of(*link), std::nullopt,
                         now(), effects_);
    after(*link);
  }
  answering_.clear();
}

/// Tells links of what changed, and lets those push that may. Links of a machine that is gone end.
void ServerCore::spread_changes(TransportTime time) {
  const std::lock_guard lock(sources_mutex_);
  for (const auto& exposed : exposed_) {
    if (exposed->source->gone()) {
      const auto links = exposed->links;
      for (auto* link : links) dismiss(*link, ByeCode::machine_gone);
      continue;
    }
    end_outgrown(*exposed);
    drain_log(*exposed, time);
    if (const auto change = exposed->source->change()) spread_change(*exposed, *change, time);
  }
}

/// Ends the links that know the schema which the machine had before it grew. Clients that connect
/// from now on, as `newcomer` does, get the new one.
void ServerCore::end_outgrown(Exposed& exposed, const Link* newcomer) {
  if (!exposed.source->outgrown()) return;
  const auto links = exposed.links;
  for (auto* link : links) {
    if (link != newcomer) dismiss(*link, ByeCode::schema_changed);
  }
  exposed.source->renew();
  exposed.feeds.grow(exposed.source->names());
  exposed.log_feeds.grow(exposed.source->names());
  if (exposed.log_links != 0) read_log_clocks(exposed);
  log(fmt::format("machine \"{}\" has grown: links that knew it before are ended",
                  exposed.source->id()));
}

void ServerCore::spread_change(Exposed& exposed, SourceChange change, TransportTime time) {
  bool due = false;
  for (auto* link : exposed.links) {
    link->link.on_source_changed(change, time);
    due |= link->link.due(time);
  }
  if (!due) {
    for (auto* link : exposed.links) schedule(*link);
    return;
  }
  exposed.source->settle();
  exposed.feeds.read(exposed.source->clocks());
  const auto links = exposed.links;  // polling may end one
  for (auto* link : links) poll(*link, time);
}

void ServerCore::poll(Link& link, TransportTime time) {
  if (link.link.due(time)) {
    if (link.exposed != nullptr) tell_error(link);
    link.link.poll(time, link.feed == nullptr ? LinkClocks{} : view_of(link), std::nullopt,
                   effects_);
  }
  after(link);
}

void ServerCore::on_wake() {
  if (allowed_changed_.exchange(false)) cut_off_unlisted();
  {
    const std::lock_guard lock(stop_mutex_);
    if (!stopping_ || said_bye_) return;
  }
  answer_done();
  close_all();
}

void ServerCore::on_turn_end() {
  answer_done();
  payloads_.run_commands(now());
  spread_changes(now());
  if (!waits_.empty()) tell_waits(now());
}

TransportTime ServerCore::next_deadline() {
  return std::min(
      {deadlines_.next(), sessions_.next_deadline(), idle_.deadline(), payloads_.next_deadline()});
}

void ServerCore::on_deadline(TransportTime time) {
  cut_off_idle(time);
  sessions_.expire(time);
  if (payloads_.sessions() > sessions_.size()) {
    payloads_.sweep([this](std::uint64_t token) { return sessions_.find(token) != nullptr; });
  }
  payloads_.poll(time);
  counters_.sessions_waiting.store(sessions_.waiting(), std::memory_order_relaxed);
  while (const auto key = deadlines_.due(time)) {
    auto& link = *find(*key);
    // Before the clocks are read, so that changes after that are told again.
    if (link.exposed != nullptr) {
      link.exposed->source->settle();
      link.exposed->feeds.read(link.exposed->source->clocks());
    }
    poll(link, time);
  }
}

}  // namespace am::rpc::internal
