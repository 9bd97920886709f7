#include "world.hpp"

#include <am/rpc/internal/messages.hpp>

#include <algorithm>

namespace simulation {

using namespace am::rpc::internal;
using namespace std::chrono_literals;

Plan Plan::of(std::uint64_t seed) {
  Plan plan;
  switch (seed % 8) {
    case 1: plan.restarts = true; break;
    case 2: plan.deadlines = true; break;
    case 3: plan.forgets = true; break;
    case 4: plan.new_clients = true; break;
    case 5: plan.jumps = true; break;
    case 6: plan.corrupts = plan.deadlines = true; break;
    case 7: plan.restarts = plan.deadlines = plan.forgets = plan.new_clients = true; break;
    default: break;
  }
  plan.takes_over = seed / 8 % 2 == 0;
  plan.slow = seed / 16 % 2 == 0;
  return plan;
}

void Tally::add(const Tally& other) {
  calls += other.calls;
  executions += other.executions;
  resumed += other.resumed;
  repeated += other.repeated;
  unknown += other.unknown;
  epochs += other.epochs;
  new_clients += other.new_clients;
  corrupted += other.corrupted;
  jumps += other.jumps;
  pauses += other.pauses;
}

World::World(std::uint64_t seed, Planted planted, Trace trace)
    : random_(seed), planted_(planted), trace_(std::move(trace)), plan_(Plan::of(seed)) {
  start_server();
  start_client();
}

void World::expect(bool holds, const char* rule, std::uint64_t tag) {
  if (holds || violations_.size() >= most_violations) return;
  violations_.push_back(tag == 0 ? std::string(rule) : fmt::format("call {}: {}", tag, rule));
  say("VIOLATION {}", violations_.back());
}

void World::run() {
  connect();
  for (int step = 0; step < 200 && !failed(); ++step) {
    act();
    advance(std::chrono::microseconds{pick(3000)});
    check_bounds();
  }
  if (!failed()) settle();
}

// -- what happens
// ----------------------------------------------------------------------------------

void World::act() {
  switch (pick(14)) {
    case 0:
    case 1:
    case 2:
    case 3: return call();
    case 4: return change(static_cast<am::StateIndex>(pick(source_.ticks.size())));
    case 5:
    case 6: return run_requests(1);
    case 7: return run_requests(10);
    case 8:
      if (one_in(3)) cut();
      return;
    case 9:
      if (plan_.restarts && one_in(20)) restart_server();
      if (plan_.new_clients && one_in(10)) restart_client();
      return;
    case 10:
      if (plan_.slow && one_in(5)) {
        ++tally_.pauses;
        reads_from_ = now_ + std::chrono::milliseconds{pick(300)};
        say("the client reads nothing for a while");
      }
      return;
    case 11:
      if (plan_.jumps && one_in(15)) {
        ++tally_.jumps;
        now_ += std::chrono::milliseconds{pick(120'000)};
        say("time has jumped ahead");
      }
      return;
    default:
      if (peer_ == 0) {
        connect();
      } else if (client_->link().state() == ClientLink::State::greeting && one_in(2)) {
        cut();  // the server has made a session, or taken it up, of which nobody knows
      }
  }
}

// -- connections and time
// --------------------------------------------------------------------------

void World::connect() {
  peer_ = ++last_peer_;
  say("connected as peer {}", peer_);
  if (client_->wants_hello(now_)) greet();
}

/// What is on its way is lost: each frame that was sent before has arrived, or none after it does.
/// Returns the peer that is gone, 0 for none.
std::uint64_t World::disconnect() {
  const auto dead = std::exchange(peer_, 0);
  say("peer {} cut, {} frames up and {} down lost", dead, up_.size(), down_.size());
  up_.clear();
  down_.clear();
  return dead;
}

void World::cut() {
  const auto dead = disconnect();
  if (dead == 0) return;
  if (!plan_.takes_over || one_in(2)) peer_gone(dead);
  client_->connection_lost("cut", client_effects_);
  after_client();
}

World::TimePoint World::next_event() {
  TimePoint next = std::min(client_->next_deadline(peer_ != 0), sessions_->next_deadline());
  for (auto& [name, link] : links_) next = std::min(next, link->link.next_deadline());
  if (!up_.empty()) next = std::min(next, up_.front().at);
  if (!down_.empty()) next = std::min(next, std::max(down_.front().at, reads_from_));
  return next;
}

void World::advance(std::chrono::nanoseconds by) {
  const auto until = now_ + by;
  for (int guard = 0; guard < 20'000; ++guard) {
    const auto next = next_event();
    if (next > until) {
      now_ = until;
      return;
    }
    now_ = std::max(now_, next);
    turn();
  }
  expect(false, "time stands still: something is due and nobody does it");
}

void World::turn() {
  deliver_up();
  deliver_down();
  if (peer_ != 0 && client_->wants_hello(now_)) {
    greet();
  } else if (client_->next_deadline(peer_ != 0) <= now_) {
    client_->link().poll(now_, client_effects_);
    after_client();
  }
  sessions_->expire(now_);
  poll_links();
}

void World::deliver_up() {
  if (up_.empty() || up_.front().at > now_) return;
  const auto frame = std::move(up_.front());
  up_.pop_front();
  to_server(frame);
}

void World::deliver_down() {
  if (down_.empty() || std::max(down_.front().at, reads_from_) > now_) return;
  const auto frame = std::move(down_.front());
  down_.pop_front();
  if (frame.peer == peer_) to_client(frame);
}

void World::send(std::deque<Frame>& pipe, std::uint64_t peer, ByteView bytes) {
  if (peer == 0 || peer != peer_) return;  // into a connection that is gone
  const auto at = now_ + std::chrono::microseconds{pick(2000)};
  pipe.push_back(
      {pipe.empty() ? at : std::max(at, pipe.back().at), peer, Bytes(bytes.begin(), bytes.end())});
  if (plan_.corrupts && faults_ && one_in(60)) turn_a_bit_over(pipe.back().bytes);
}

void World::turn_a_bit_over(Bytes& frame) {
  // What a handshake says once, such as where the count of updates starts, is not said again: CURVE
  // protects it, or nothing but TCP's checksum. All else has to be noticed later on.
  const auto type = peek(frame)->type;
  if (type == static_cast<std::uint8_t>(MessageType::hello) ||
      type == static_cast<std::uint8_t>(MessageType::welcome)) {
    return;
  }
  ++tally_.corrupted;
  const auto bit = pick(frame.size() * 8);
  say("bit {} of {} turned over", bit, frame.size() * 8);
  auto& byte = frame[bit / 8];
  byte = static_cast<Bytes::value_type>(static_cast<unsigned>(byte) ^ (1U << (bit % 8)));
}

// -- the end
// ---------------------------------------------------------------------------------------

void World::check_bounds() {
  // One client: what it leaves behind must not add up.
  expect(links_.size() <= 64, "links of connections that are gone add up");
  expect(sessions_->size() <= 1 + life_ + tally_.corrupted, "sessions add up");
  expect(client_->link().pending() <= calls_.size(), "the client has more calls than were made");
  for (const auto& [name, link] : links_) {
    const auto pushes = std::ranges::count_if(down_, [&name = name](const Frame& frame) {
      const auto head = peek(frame.bytes);
      return head && head->link == name.link &&
             head->type == static_cast<std::uint8_t>(MessageType::push);
    });
    // The window, and one that it asked about.
    expect(pushes <= static_cast<std::ptrdiff_t>(push_window) + 1,
           "updates pile up before a slow client");
  }
}

/// No more faults: whatever is left must come to rest.
void World::settle() {
  faults_ = false;
  reads_from_ = now_;
  say("no more faults");
  // A frame that was broken so that it says something else is missed when the next one comes.
  if (plan_.corrupts) {
    change(0);
    call();
  }
  for (int round = 0; round < 8; ++round) {
    if (peer_ == 0) connect();
    run_requests(100'000);
    advance(1s);
  }
  expect(client_->link().state() == ClientLink::State::open, "the client is not connected again");
  expect(client_->link().pending() == 0, "calls are still open");
  expect(client_->link().clocks() == source_, "the link's clocks are not the source's");
  expect(proxy_ == source_, "the proxy's clocks are not the source's");
  for (const auto& [tag, call] : calls_) {
    if (call.life != life_) continue;  // its caller is gone
    expect(call.answer.has_value(), "has no answer", tag);
    if (plan_.corrupts || !call.answer) continue;
    if (*call.answer == am::Result::not_sent) expect(call.runs == 0, "ran and is not_sent", tag);
  }
}

}  // namespace simulation
