// The client's part: the session of production, and a proxy made of nothing but its updates.
#include "world.hpp"

#include <am/rpc/internal/messages.hpp>
#include <am/rpc/internal/resume.hpp>

#include <cstring>

namespace simulation {

using namespace am::rpc::internal;
using namespace std::chrono_literals;

void World::start_client() {
  ++life_;
  ClientSessionOptions options;
  options.link.client_id = "c";
  options.link.session = 76 + life_;
  options.first_pause = 1ms;
  options.longest_pause = 8ms;
  options.handshake_timeout = 50ms;
  options.link.handshake_timeout = 50ms;
  options.give_up_after = {};
  client_.emplace(++last_link_, options, random_());
  proxy_ = {};
  held_back_.reset();
  tags_.clear();
}

/// As after a kill: nothing is said, and nobody is told.
void World::restart_client() {
  if (const auto dead = disconnect(); dead != 0) peer_gone(dead);
  ++tally_.new_clients;
  client_effects_.clear();
  start_client();
}

void World::call() {
  const auto tag = ++last_tag_;
  ClientCall call;
  call.op = Op::toggle;
  call.called = {static_cast<am::StateIndex>(tag % source_.ticks.size())};
  call.args.resize(sizeof tag);
  std::memcpy(call.args.data(), &tag, sizeof tag);
  if (plan_.deadlines) call.deadline = now_ + std::chrono::milliseconds{1 + pick(60)};
  call.when_down = one_in(2) ? DownPolicy::wait : DownPolicy::fail;
  calling_ = tag;
  calls_[tag].life = life_;
  ++tally_.calls;
  tags_.emplace(client_->link().mutate(std::move(call), client_effects_), tag);
  after_client();
}

void World::greet() {
  const auto id =
      client_->link().state() == ClientLink::State::idle ? client_->link().id() : ++last_link_;
  client_->greet(id, now_, client_effects_);
  after_client();
}

void World::to_client(const Frame& frame) {
  const auto head = peek(frame.bytes);
  if (!head) return;
  say("client receives type {} of link {}", head->type, head->link);
  if (head->link != client_->link().id()) return;
  client_->link().on_frame(frame.bytes, now_, client_effects_);
  after_client();
}

void World::after_client() {
  bool over = false;
  for (std::size_t i = 0; i < client_effects_.events.size(); ++i) {
    over = handle(ClientEvent{client_effects_.events[i]}) || over;
  }
  for (std::size_t i = 0; i < client_effects_.frames.size(); ++i) {
    send(up_, peer_, client_effects_.frames[i]);
  }
  client_effects_.clear();
  if (!over) return;
  for (const auto& [tag, call] : calls_) {
    if (call.life == life_) expect(call.answer.has_value(), "is not answered by the end", tag);
  }
  restart_client();
}

/// True when the client has ended for good.
bool World::handle(const ClientEvent& event) {
  if (const auto* opened = std::get_if<LinkOpened>(&event)) {
    if (opened->clocks == LinkOpened::Clocks::continued) {
      show(client_effects_.changed);
    } else {
      if (opened->clocks == LinkOpened::Clocks::new_epoch) ++tally_.epochs;
      held_back_.reset();
      proxy_ = client_->link().clocks();
    }
    client_->proceed(now_, client_effects_);
  } else if (std::holds_alternative<ClocksChanged>(event)) {
    show(client_effects_.changed);
  } else if (const auto* reply = std::get_if<Replied>(&event)) {
    replied(*reply);
  } else if (const auto* closed = std::get_if<LinkClosed>(&event)) {
    say("client's link closed: {} ({})", closed->text, static_cast<int>(closed->reason));
    if (client_->ended(*closed, now_, client_effects_) == ClientSession::Next::retry) return false;
    // Who attaches is told of a server that does not answer; later on it is tried again.
    const bool no_answer = closed->reason == CloseReason::handshake_timeout && !client_->opened();
    expect(plan_.corrupts || ((plan_.slow || plan_.jumps) && no_answer), "the client has given up");
    return true;
  }
  return false;
}

/// Applies an update, unless a planted bug has other plans for it.
void World::show(const std::vector<am::StateIndex>& changed) {
  const auto clocks = client_->link().clocks();
  if (planted_ == Planted::lost_diff && one_in(20)) return;
  if (planted_ == Planted::out_of_order && !held_back_ && one_in(20)) {
    held_back_.emplace(clocks, changed);
    return;
  }
  apply(clocks, changed);
  if (held_back_) {
    const auto late = std::move(*held_back_);
    held_back_.reset();
    apply(late.first, late.second);
  }
}

void World::apply(const Clocks& clocks, const std::vector<am::StateIndex>& changed) {
  expect(clocks.queue_tick >= proxy_.queue_tick, "the queue tick goes back");
  proxy_.queue_tick = clocks.queue_tick;
  proxy_.machine_tick = clocks.machine_tick;
  proxy_.ticks.resize(clocks.ticks.size());
  for (const auto i : changed) {
    expect(clocks.ticks[i] >= proxy_.ticks[i], "a tick goes back");
    proxy_.ticks[i] = clocks.ticks[i];
  }
  expect(proxy_.ticks == clocks.ticks, "a tick has changed that the update does not name");
}

void World::replied(const Replied& reply) {
  // A call that is answered at once is not in the list yet.
  const auto known = tags_.find(reply.request);
  const auto tag = known == tags_.end() ? calling_ : known->second;
  auto& call = calls_[tag];
  expect(!call.answer, "has two answers", tag);
  call.answer = reply.result;
  if (plan_.corrupts) return;
  if (reply.result == am::Result::executed) {
    expect(call.runs == 1, "is said to have run, and has not", tag);
    if (call.ran_in == epoch_ && client_->link().state() == ClientLink::State::open) {
      expect(client_->link().clocks().queue_tick >= call.ran_at,
             "is answered before its own effects are seen", tag);
    }
  } else if (reply.result == am::Result::unknown) {
    ++tally_.unknown;
    expect(!plan_.certain(), "ends as unknown for no reason", tag);
  }
}

}  // namespace simulation
