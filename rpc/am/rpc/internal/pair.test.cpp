// Both ends of a link, joined by a network that delays, drops, corrupts and cuts; one seed each.
#include <am/rpc/internal/client_link.hpp>
#include <am/rpc/internal/schema_codec.hpp>
#include <am/rpc/internal/server_link.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <random>
#include <string>

namespace am::rpc::internal {
namespace {

using namespace std::chrono_literals;
using TimePoint = ServerLink::TimePoint;

enum class Faults { none, drop_to_client, drop, corrupt, cut };

Schema toy_schema(std::size_t states) {
  std::vector<Schema::Entry> entries;
  for (std::size_t i = 0; i + 1 < states; ++i) entries.push_back({"S" + std::to_string(i), {}});
  entries.push_back({exception_state, {.multi = true}});
  return Schema{std::move(entries)};
}

// A machine without relations: enough to have clocks.
struct Toy {
  Clocks clocks;

  bool change(Op op, std::span<const StateIndex> called) {
    clocks.queue_tick += 1;
    bool changed = false;
    for (const StateIndex index : called) {
      std::uint64_t& tick = clocks.ticks[index];
      const bool active = (tick & 1U) != 0;
      const bool flip = op == Op::toggle || (op == Op::remove ? active : !active);
      if (flip) tick += 1;
      changed = changed || flip;
    }
    return changed;
  }
};

// One direction of the network: in order, each frame with its own delay.
struct Pipe {
  struct Frame {
    TimePoint at;
    Bytes bytes;
  };
  std::deque<Frame> frames;
};

class World {
 public:
  explicit World(std::uint64_t seed) : random_(seed) {
    faults_ = static_cast<Faults>(seed % 5);
    states_ = 2 + pick(80);
    toy_.clocks.ticks.assign(states_, 0);
    for (auto& tick : toy_.clocks.ticks) tick = pick(300);
    toy_.clocks.machine_tick = static_cast<std::uint32_t>(pick(2));
    ServerLinkOptions options;
    options.push_interval = std::chrono::milliseconds{std::array{0, 1, 10, 250}[pick(4)]};
    if (pick(8) == 0) options.push_mode = PushMode::disabled;
    if (pick(8) == 0) options.limits.pending_requests = 3;
    pushes_ = options.push_mode == PushMode::debounced;
    // Small enough to be full at times, in some of the worlds.
    const auto window = seed % 3 == 0 ? 4 : PushWindow::default_size;
    server_.emplace(7, options, now_, std::make_shared<PushWindow>(window));
    ClientLinkOptions client;
    client.client_id = "c";
    client_.emplace(7, client);
  }

  void run() {
    client_->start({}, now_, client_effects_);
    after_client();
    for (int step = 0; step < 300 && !::testing::Test::HasFailure(); ++step) {
      act();
      advance(std::chrono::microseconds{pick(4000)});
    }
    settle();
  }

  Faults faults() const { return faults_; }
  const ClientLink& client() const { return *client_; }
  const ServerLink& server() const { return *server_; }

 private:
  std::uint64_t pick(std::uint64_t below) { return random_() % below; }

  std::vector<StateIndex> some_states() {
    std::vector<StateIndex> called(1 + pick(3));
    for (auto& index : called) index = static_cast<StateIndex>(pick(states_));
    return called;
  }

  // -- actions -----------------------------------------------------------------------------------

  void act() {
    switch (pick(10)) {
      case 0:
      case 1:
      case 2: call(); break;
      case 3:
      case 4: source_changes(); break;
      case 5: run_requests(1); break;
      case 6: run_requests(100); break;
      case 7:
        if (pick(10) == 0) client_->sync(client_effects_);
        after_client();
        break;
      case 8:
        if (faults_ == Faults::cut && pick(40) == 0) cut();
        break;
      default: break;
    }
  }

  void call() {
    const auto called = some_states();
    const Bytes args(pick(3) == 0 ? pick(20) : 0);
    const auto op = static_cast<Op>(pick(4) == 0 ? pick(6) : 3);
    const bool wait_forever = faults_ == Faults::none || faults_ == Faults::drop_to_client;
    const TimePoint deadline = wait_forever ? TimePoint::max() : now_ + 2s;
    const RequestId request = client_->mutate(op, called, args, deadline, client_effects_);
    EXPECT_TRUE(open_calls_.emplace(request, called).second);
    after_client();
  }

  void source_changes() {
    const std::uint64_t count = 1 + pick(3);
    for (std::uint64_t i = 0; i < count; ++i) {
      const bool ticks = pick(4) != 0 && toy_.change(Op::toggle, some_states());
      if (!ticks) toy_.clocks.queue_tick += 1;
      server_->on_source_changed(ticks ? SourceChange::ticks : SourceChange::queue_only, now_);
    }
    poll_server();
  }

  // The source runs requests some time after their arrival.
  void run_requests(std::size_t most) {
    while (most-- > 0 && !requests_.empty()) {
      // Sometimes out of turn: a source that is a proxy itself answers when it can.
      const auto next = pick(4) == 0 ? requests_.begin() + static_cast<long>(pick(requests_.size()))
                                     : requests_.begin();
      const auto [request, op, called] = std::move(*next);
      requests_.erase(next);
      Result result{Result::canceled, Reason::handler};
      if (op == Op::can_add || op == Op::can_remove) {
        result = Result::executed;
      } else if (pick(5) == 0) {
        toy_.clocks.queue_tick += 1;
        server_->on_source_changed(SourceChange::queue_only, now_);
      } else {
        toy_.change(op, called);
        server_->on_source_changed(SourceChange::ticks, now_);
        result = Result::executed;
      }
      executed_[request] = toy_.clocks;
      std::vector<StateIndex> moved;
      server_->on_result(request, result, pick(9) == 0 ? "text" : "", toy_.clocks,
                         candidates(moved), now_, server_effects_);
      after_server();
    }
  }

  // Sometimes nothing, sometimes exactly the changed states, sometimes more.
  Candidates candidates(std::vector<StateIndex>& list) {
    if (pick(3) == 0 || server_->state() != ServerLink::State::open) return std::nullopt;
    for (std::size_t i = 0; i < states_; ++i) {
      if (server_->sent().ticks[i] != toy_.clocks.ticks[i] || pick(5) == 0) {
        list.push_back(static_cast<StateIndex>(i));
      }
    }
    return std::span<const StateIndex>{list};
  }

  void cut() {
    up_.frames.clear();
    down_.frames.clear();
    client_->abandon("cut", client_effects_);
    after_client();
    server_->close(ByeCode::closing, 0, server_effects_);
    after_server();
    down_.frames.clear();
  }

  // -- time and network --------------------------------------------------------------------------

  void advance(std::chrono::microseconds by) {
    const TimePoint until = now_ + by;
    for (int guard = 0; guard < 10'000; ++guard) {
      TimePoint next = std::min(client_->next_deadline(), server_->next_deadline());
      for (Pipe* pipe : {&up_, &down_}) {
        if (!pipe->frames.empty()) next = std::min(next, pipe->frames.front().at);
      }
      if (next > until) {
        now_ = until;
        return;
      }
      now_ = std::max(now_, next);
      deliver();
    }
    FAIL() << "time stands still";
  }

  void deliver() {
    if (!up_.frames.empty() && up_.frames.front().at <= now_) {
      const Bytes bytes = std::move(up_.frames.front().bytes);
      up_.frames.pop_front();
      server_->on_frame(bytes, now_, server_effects_);
      after_server();
    }
    if (!down_.frames.empty() && down_.frames.front().at <= now_) {
      const Bytes bytes = std::move(down_.frames.front().bytes);
      down_.frames.pop_front();
      client_->on_frame(bytes, now_, client_effects_);
      after_client();
    }
    if (client_->next_deadline() <= now_) {
      client_->poll(now_, client_effects_);
      after_client();
    }
    poll_server();
  }

  void poll_server() {
    if (!server_->due(now_)) return;
    std::vector<StateIndex> moved;
    server_->poll(now_, toy_.clocks, candidates(moved), server_effects_);
    after_server();
  }

  void send(Pipe& pipe, ByteView frame) {
    Bytes bytes(frame.begin(), frame.end());
    const bool open = client_->state() == ClientLink::State::open;
    const bool to_client = &pipe == &down_;
    if (open && !calm_) {
      if (faults_ == Faults::drop && pick(20) == 0) return;
      if (faults_ == Faults::drop_to_client && to_client && pick(10) == 0) return;
      if (faults_ == Faults::corrupt && pick(30) == 0) spoil(bytes);
    }
    const TimePoint at = now_ + std::chrono::microseconds{pick(3000)};
    const TimePoint last = pipe.frames.empty() ? at : pipe.frames.back().at;
    pipe.frames.push_back({std::max(at, last), std::move(bytes)});
  }

  void spoil(Bytes& bytes) {
    switch (pick(3)) {
      case 0: bytes[pick(bytes.size())] ^= static_cast<std::byte>(1 + pick(255)); break;
      case 1: bytes.resize(pick(bytes.size())); break;
      default:
        bytes.resize(pick(40));
        for (auto& byte : bytes) byte = static_cast<std::byte>(pick(256));
        break;
    }
  }

  // -- effects -----------------------------------------------------------------------------------

  void after_server() {
    // Only `requests_` grows here; nothing below calls the link again before the loop has ended.
    bool greeted = false;
    bool asked = false;
    for (const ServerEvent& event : server_effects_.events) {
      if (const auto* mutation = std::get_if<MutationReceived>(&event)) {
        requests_.push_back(
            {mutation->request, mutation->op, {mutation->called.begin(), mutation->called.end()}});
      }
      greeted = greeted || std::holds_alternative<HelloReceived>(event);
      asked = asked || std::holds_alternative<SyncReceived>(event);
      if (const auto* closed = std::get_if<LinkClosed>(&event)) {
        EXPECT_NE(closed->reason, CloseReason::none);
        EXPECT_NE(closed->text, "");
        EXPECT_FALSE(std::exchange(server_ended_, true));
      }
    }
    for (std::size_t i = 0; i < server_effects_.frames.size(); ++i) {
      send(down_, server_effects_.frames[i]);
    }
    server_effects_.clear();
    if (greeted) {
      Bytes schema;
      Writer writer{schema};
      EXPECT_TRUE(encode_schema(toy_schema(states_), writer));
      server_->accept({.machine_id = "toy",
                       .epoch = 5,
                       .fingerprint = 9,
                       .schema = schema,
                       .clocks = toy_.clocks},
                      now_, server_effects_);
      after_server();
    }
    if (asked) {
      server_->send_snapshot(toy_.clocks, now_, server_effects_);
      after_server();
    }
  }

  void after_client() {
    bool replied = false;
    for (const ClientEvent& event : client_effects_.events) {
      if (std::holds_alternative<LinkOpened>(event)) {
        seen_ = client_->clocks();
      } else if (std::holds_alternative<ClocksChanged>(event)) {
        EXPECT_FALSE(replied) << "clocks come before the replies of their frame";
        clocks_changed();
      } else if (const auto* reply = std::get_if<Replied>(&event)) {
        replied = true;
        call_replied(*reply);
      } else if (const auto* closed = std::get_if<LinkClosed>(&event)) {
        EXPECT_NE(closed->reason, CloseReason::none);
        EXPECT_NE(closed->text, "");
        EXPECT_TRUE(open_calls_.empty()) << "a call was left without an answer";
        EXPECT_FALSE(std::exchange(client_ended_, true));
      }
    }
    for (std::size_t i = 0; i < client_effects_.frames.size(); ++i) {
      send(up_, client_effects_.frames[i]);
    }
    client_effects_.clear();
  }

  void clocks_changed() {
    const Clocks& clocks = client_->clocks();
    EXPECT_GT(client_->sequence(), last_sequence_);
    last_sequence_ = client_->sequence();
    EXPECT_GE(clocks.queue_tick, seen_.queue_tick);
    std::vector<StateIndex> moved;
    for (std::size_t i = 0; i < states_; ++i) {
      EXPECT_GE(clocks.ticks[i], seen_.ticks[i]) << "state " << i << " went back";
      EXPECT_LE(clocks.ticks[i], toy_.clocks.ticks[i]) << "state " << i << " never was there";
      if (clocks.ticks[i] != seen_.ticks[i]) moved.push_back(static_cast<StateIndex>(i));
    }
    EXPECT_EQ(client_effects_.changed, moved);
    seen_ = clocks;
  }

  void call_replied(const Replied& reply) {
    EXPECT_EQ(open_calls_.erase(reply.request), 1U) << "request " << reply.request;
    if (faults_ == Faults::none && client_->state() == ClientLink::State::open) {
      EXPECT_FALSE(reply.result == Result::unknown);
    }
    // After corruption a result may belong to another request.
    if (faults_ == Faults::corrupt || !(reply.result == Result::executed)) return;
    if (client_->state() == ClientLink::State::closed) return;
    const Clocks& source = executed_.at(reply.request);
    EXPECT_GE(client_->clocks().queue_tick, source.queue_tick);
    for (std::size_t i = 0; i < states_; ++i) {
      EXPECT_GE(client_->clocks().ticks[i], source.ticks[i]) << "not the caller's own write";
    }
  }

  // No more faults, no more actions: whatever is left must come to rest.
  void settle() {
    calm_ = true;
    for (int round = 0; round < 3; ++round) {
      run_requests(100'000);
      advance(3s);
      client_->ping(1, client_effects_);
      if (!pushes_) client_->sync(client_effects_);
      after_client();
      advance(3s);
    }
    EXPECT_TRUE(open_calls_.empty()) << open_calls_.size() << " calls without an answer";
    EXPECT_EQ(client_->pending(), 0U);
    if (client_->state() == ClientLink::State::open &&
        server_->state() == ServerLink::State::open) {
      EXPECT_FALSE(client_->resyncing());
      EXPECT_EQ(client_->clocks(), toy_.clocks);
      EXPECT_EQ(client_->sequence(), server_->sequence());
    } else {
      EXPECT_TRUE(faults_ == Faults::corrupt || faults_ == Faults::cut);
    }
  }

  std::mt19937_64 random_;
  Faults faults_ = Faults::none;
  std::size_t states_ = 0;
  bool pushes_ = true;
  bool calm_ = false;
  TimePoint now_ = TimePoint{} + 1h;
  Toy toy_;
  std::optional<ServerLink> server_;
  std::optional<ClientLink> client_;
  ServerEffects server_effects_;
  ClientEffects client_effects_;
  Pipe up_;
  Pipe down_;

  struct Request {
    RequestId request;
    Op op;
    std::vector<StateIndex> called;
  };
  std::deque<Request> requests_;
  std::map<RequestId, std::vector<StateIndex>> open_calls_;
  std::map<RequestId, Clocks> executed_;  // the source's clocks after each request
  Clocks seen_;
  std::uint64_t last_sequence_ = 0;
  bool server_ended_ = false;
  bool client_ended_ = false;
};

TEST(Pair, KeepsItsPromisesOnEveryNetwork) {
  std::map<Faults, std::uint64_t> open;
  std::uint64_t resyncs = 0;
  std::uint64_t lost = 0;
  std::uint64_t malformed = 0;
  std::uint64_t pushes = 0;
  for (std::uint64_t seed = 1; seed <= 500 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world{seed};
    world.run();
    if (world.client().state() == ClientLink::State::open) ++open[world.faults()];
    resyncs += world.client().stats().resyncs;
    lost += world.client().stats().lost_replies;
    pushes += world.client().stats().pushes;
    malformed += world.client().stats().malformed + world.server().stats().malformed;
  }
  // The faults must have happened, or nothing was shown.
  EXPECT_EQ(open[Faults::none], 100U);
  EXPECT_EQ(open[Faults::drop], 100U);
  EXPECT_EQ(open[Faults::drop_to_client], 100U);
  EXPECT_GT(resyncs, 200U);
  EXPECT_GT(lost, 50U);
  EXPECT_GT(malformed, 50U);
  EXPECT_GT(pushes, 2000U);
}

}  // namespace
}  // namespace am::rpc::internal
