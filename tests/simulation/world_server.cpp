// The server's part: links and sessions of production, a source that is a row of ticks.
#include "world.hpp"

#include <am/rpc/internal/messages.hpp>
#include <am/rpc/internal/schema_codec.hpp>

#include <algorithm>
#include <cstring>
#include <iterator>

namespace simulation {

using namespace am::rpc::internal;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t states = 6;

}  // namespace

void World::start_server() {
  ++epoch_;
  SessionLimits limits;
  if (plan_.forgets) {
    limits.ttl = 5ms;
    limits.log.answers = 2;
  }
  sessions_.emplace(limits, [this] { return random_(); });
  source_.ticks.assign(states, 0);
  source_.queue_tick = 1;
}

void World::restart_server() {
  const auto dead = disconnect();
  links_.clear();
  requests_.clear();
  start_server();
  if (dead == 0) return;
  client_->connection_lost("restart", client_effects_);
  after_client();
}

void World::change(am::StateIndex state) {
  source_.ticks[state] += 1;
  source_.queue_tick += 1;
  for (auto& [name, link] : links_) link->link.on_source_changed(SourceChange::ticks, now_);
}

/// Runs the next requests, now and then not the oldest first.
void World::run_requests(std::size_t most) {
  while (most-- > 0 && !requests_.empty()) {
    const auto ahead = one_in(4) ? std::min<std::size_t>(requests_.size(), 3) : 1;
    const auto next = requests_.begin() + static_cast<std::ptrdiff_t>(pick(ahead));
    const auto request = *next;
    requests_.erase(next);
    change(request.state);
    auto& call = calls_[request.tag];
    ++call.runs;
    call.ran_in = epoch_;
    call.ran_at = source_.queue_tick;
    ++tally_.executions;
    if (!plan_.corrupts) expect(call.runs == 1, "ran twice", request.tag);
    auto* session = sessions_->find(request.session);
    if (session == nullptr) continue;
    const auto link = session->link ? links_.find(*session->link) : links_.end();
    if (link == links_.end()) {
      session->log->finish(request.request, am::Result::executed, "", true);
    } else {
      link->second->link.on_result(request.request, am::Result::executed, "", source_, std::nullopt,
                                   now_, server_effects_);
      after_server(*link->second);
    }
  }
}

void World::poll_links() {
  std::vector<LinkName> due;
  for (auto& [name, link] : links_) {
    if (link->link.due(now_)) due.push_back(name);
  }
  for (const auto& name : due) {
    const auto found = links_.find(name);
    if (found == links_.end()) continue;
    found->second->link.poll(now_, source_, std::nullopt, server_effects_);
    after_server(*found->second);
  }
}

void World::to_server(const Frame& frame) {
  const auto head = peek(frame.bytes);
  if (!head) return;
  const LinkName name{frame.peer, head->link};
  say("server receives type {} of link {}", head->type, head->link);
  auto found = links_.find(name);
  if (found == links_.end()) {
    if (head->type != static_cast<std::uint8_t>(MessageType::hello))
      return stray(*head, frame.peer);
    found = links_.emplace(name, std::make_unique<Link>(name, now_)).first;
  }
  auto& link = *found->second;
  link.link.on_frame(frame.bytes, now_, server_effects_);
  after_server(link);
}

/// Tells who speaks of a link that is not there.
void World::stray(const FrameHead& head, std::uint64_t peer) {
  if (head.type == static_cast<std::uint8_t>(MessageType::bye)) return;
  Bytes bye;
  Writer writer{bye};
  encode(writer, head.link, Bye{ByeCode::unknown_link, 0});
  send(down_, peer, bye);
}

void World::after_server(Link& link) {
  for (std::size_t i = 0; i < server_effects_.events.size(); ++i) {
    const auto event = server_effects_.events[i];
    if (const auto* hello = std::get_if<HelloReceived>(&event)) {
      accept(link, *hello);
    } else if (const auto* mutation = std::get_if<MutationReceived>(&event)) {
      Request request{link.session, mutation->request, 0, mutation->called[0]};
      if (mutation->args.size() != sizeof request.tag || request.state >= states) continue;
      std::memcpy(&request.tag, mutation->args.data(), sizeof request.tag);
      requests_.push_back(request);
    } else if (std::holds_alternative<SyncReceived>(event)) {
      link.link.send_snapshot(source_, now_, server_effects_);
    }
  }
  for (std::size_t i = 0; i < server_effects_.frames.size(); ++i) {
    send(down_, link.name.peer, server_effects_.frames[i]);
  }
  server_effects_.clear();
  tally_.repeated += link.link.stats().duplicates - link.duplicates;
  link.duplicates = link.link.stats().duplicates;
  if (link.link.state() != ServerLink::State::closed) return;
  leave(link);
  links_.erase(LinkName{link.name});
}

void World::accept(Link& link, const HelloReceived& hello) {
  const auto opened = sessions_->open({std::string(hello.client_id), "toy", hello.session, ""},
                                      hello.resume ? hello.resume->token : 0, link.name);
  link.session = opened.session->token;
  if (opened.resumed) {
    ++tally_.resumed;
    if (planted_ == Planted::no_reply_cache) {
      opened.session->log = std::make_shared<RequestLog>();
    }
    opened.session->log->forget_below(hello.resume->lowest);
  }
  if (opened.former && *opened.former != link.name) links_.erase(*opened.former);
  Bytes schema;
  Writer writer{schema};
  std::vector<am::Schema::Entry> entries;
  for (std::size_t i = 0; i + 1 < states; ++i) entries.push_back({"S" + std::to_string(i), {}});
  entries.push_back({am::exception_state, {.multi = true}});
  expect(encode_schema(am::Schema{std::move(entries)}, writer), "the schema has no encoding");
  link.link.accept({.machine_id = "toy",
                    .epoch = epoch_,
                    .fingerprint = 9,
                    .schema = schema,
                    .clocks = source_,
                    .features = feature_resume,
                    .log = opened.session->log,
                    .token = link.session},
                   now_, server_effects_);
}

void World::leave(Link& link) {
  const auto* session = sessions_->find(link.session);
  if (session != nullptr && session->link == link.name) sessions_->detach(link.session, now_);
}

void World::peer_gone(std::uint64_t peer) {
  for (auto it = links_.begin(); it != links_.end();) {
    if (it->first.peer == peer) {
      leave(*it->second);
      it = links_.erase(it);
    } else {
      ++it;
    }
  }
}

}  // namespace simulation
