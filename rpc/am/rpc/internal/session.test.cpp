// A remote machine and its server over connections that are lost, half lost and made again; one
// seed each, against a model that counts how often every call has run.
#include <am/rpc/internal/client_session.hpp>
#include <am/rpc/internal/resume.hpp>
#include <am/rpc/internal/schema_codec.hpp>
#include <am/rpc/internal/server_link.hpp>
#include <am/rpc/internal/server_sessions.hpp>

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>

namespace am::rpc::internal {
namespace {

using namespace std::chrono_literals;
using TimePoint = ServerLink::TimePoint;

constexpr std::size_t states = 6;

struct Frame {
  TimePoint at;
  std::uint64_t peer;
  Bytes bytes;
};

/// What happens to a seed besides lost connections.
struct Plan {
  bool restarts = false;    // of the server
  bool deadlines = false;   // of calls
  bool forgets = false;     // sessions and answers are kept for a short time only
  bool takes_over = false;  // the server does not notice lost connections
  /// Then no call has a reason to end as unknown.
  bool certain() const { return !restarts && !deadlines && !forgets; }
};

class World {
 public:
  explicit World(std::uint64_t seed) : random_(seed) {
    plan_ = {.restarts = seed % 4 == 1,
             .deadlines = seed % 4 == 2,
             .forgets = seed % 4 == 3,
             .takes_over = pick(2) == 0};
    start_server();
    ClientSessionOptions options;
    options.link.client_id = "c";
    options.link.session = 77;
    options.first_pause = 1ms;
    options.longest_pause = 8ms;
    options.handshake_timeout = 50ms;
    options.link.handshake_timeout = 50ms;
    options.give_up_after = {};
    client_.emplace(++last_link_, options, seed);
  }

  void run() {
    connect();
    for (int step = 0; step < 200 && !::testing::Test::HasFailure(); ++step) {
      act();
      advance(std::chrono::microseconds{pick(3000)});
    }
    settle();
  }

  int resumed = 0;
  int unknown = 0;
  int repeated = 0;
  int epochs = 0;
  std::uint64_t executions = 0;

 private:
  struct Link {
    Link(LinkName n, TimePoint now) : name(n), link(n.link, {.push_interval = 5ms}, now) {}
    LinkName name;
    ServerLink link;
    ServerSessions::Token session = 0;
  };
  struct Request {
    ServerSessions::Token session;
    RequestId request;
    std::uint64_t tag;
    StateIndex state;
  };

  std::uint64_t pick(std::uint64_t below) { return random_() % below; }

  // -- actions -----------------------------------------------------------------------------------

  void act() {
    switch (pick(12)) {
      case 0:
      case 1:
      case 2:
      case 3: call(); break;
      case 4: change(static_cast<StateIndex>(pick(states))); break;
      case 5:
      case 6: run_requests(1); break;
      case 7: run_requests(10); break;
      case 8:
        if (pick(3) == 0) cut();
        break;
      case 9:
        if (plan_.restarts && pick(20) == 0) restart();
        break;
      default:
        if (peer_ == 0) {
          connect();
        } else if (client_->link().state() == ClientLink::State::greeting && pick(2) == 0) {
          cut();  // the server has made a session, or taken it up, of which nobody knows
        }
        break;
    }
  }

  void call() {
    const std::uint64_t tag = ++last_tag_;
    ClientCall call;
    call.op = Op::toggle;
    call.called = {static_cast<StateIndex>(tag % states)};
    call.args.resize(sizeof tag);
    std::memcpy(call.args.data(), &tag, sizeof tag);
    if (plan_.deadlines) call.deadline = now_ + std::chrono::milliseconds{1 + pick(60)};
    call.when_down = pick(2) == 0 ? DownPolicy::wait : DownPolicy::fail;
    calling_ = tag;
    const auto request = client_->link().mutate(std::move(call), client_effects_);
    tags_.emplace(request, tag);
    open_.emplace(tag, true);
    after_client();
  }

  void change(StateIndex state) {
    toy_.ticks[state] += 1;
    toy_.queue_tick += 1;
    for (auto& [name, link] : links_) link->link.on_source_changed(SourceChange::ticks, now_);
  }

  void run_requests(std::size_t most) {
    while (most-- > 0 && !requests_.empty()) {
      const auto next =
          requests_.begin() +
          static_cast<long>(pick(std::min<std::size_t>(requests_.size(), pick(4) == 0 ? 3 : 1)));
      const auto request = *next;
      requests_.erase(next);
      change(request.state);
      EXPECT_EQ(++runs_[request.tag], 1) << "call " << request.tag << " ran twice";
      ran_at_[request.tag] = {epoch_, toy_.queue_tick};
      ++executions;
      auto* session = sessions_->find(request.session);
      if (session == nullptr) continue;
      const auto link = session->link ? links_.find(*session->link) : links_.end();
      if (link == links_.end()) {
        session->log->finish(request.request, Result::executed, "", true);
      } else {
        link->second->link.on_result(request.request, Result::executed, "", toy_, std::nullopt,
                                     now_, server_effects_);
        after_server(*link->second);
      }
    }
  }

  // -- connections -------------------------------------------------------------------------------

  void connect() {
    peer_ = ++last_peer_;
    if (client_->wants_hello(now_)) greet();
  }

  void greet() {
    client_->greet(
        client_->link().state() == ClientLink::State::idle ? client_->link().id() : ++last_link_,
        now_, client_effects_);
    after_client();
  }

  void cut() {
    if (peer_ == 0) return;
    const auto dead = std::exchange(peer_, 0);
    up_.clear();
    down_.clear();
    if (!plan_.takes_over || pick(2) == 0) peer_gone(dead);
    client_->connection_lost("cut", client_effects_);
    after_client();
  }

  void peer_gone(std::uint64_t peer) {
    for (auto it = links_.begin(); it != links_.end();) {
      if (it->first.peer != peer) {
        ++it;
        continue;
      }
      leave(*it->second);
      it = links_.erase(it);
    }
  }

  void restart() {
    const auto dead = std::exchange(peer_, 0);
    up_.clear();
    down_.clear();
    links_.clear();
    requests_.clear();
    start_server();
    if (dead == 0) return;
    client_->connection_lost("restart", client_effects_);
    after_client();
  }

  void start_server() {
    ++epoch_;
    SessionLimits limits;
    if (plan_.forgets) {
      limits.ttl = 5ms;
      limits.log.answers = 2;
    }
    sessions_.emplace(limits, [this] { return random_(); });
    toy_.ticks.assign(states, 0);
    toy_.queue_tick = 1;
  }

  // -- time and network --------------------------------------------------------------------------

  void advance(std::chrono::microseconds by) {
    const TimePoint until = now_ + by;
    for (int guard = 0; guard < 10'000; ++guard) {
      TimePoint next = std::min(client_->next_deadline(peer_ != 0), sessions_->next_deadline());
      for (auto& [name, link] : links_) next = std::min(next, link->link.next_deadline());
      for (auto* pipe : {&up_, &down_}) {
        if (!pipe->empty()) next = std::min(next, pipe->front().at);
      }
      if (next > until) {
        now_ = until;
        return;
      }
      now_ = std::max(now_, next);
      turn();
    }
    FAIL() << "time stands still";
  }

  void turn() {
    if (!up_.empty() && up_.front().at <= now_) {
      const auto frame = std::move(up_.front());
      up_.pop_front();
      to_server(frame);
    }
    if (!down_.empty() && down_.front().at <= now_) {
      const auto frame = std::move(down_.front());
      down_.pop_front();
      const auto head = peek(frame.bytes);
      if (frame.peer == peer_ && head && head->link == client_->link().id()) {
        client_->link().on_frame(frame.bytes, now_, client_effects_);
        after_client();
      }
    }
    if (peer_ != 0 && client_->wants_hello(now_)) {
      greet();
    } else if (client_->next_deadline(peer_ != 0) <= now_) {
      client_->link().poll(now_, client_effects_);
      after_client();
    }
    sessions_->expire(now_);
    std::vector<Link*> due;
    for (auto& [name, link] : links_) {
      if (link->link.due(now_)) due.push_back(link.get());
    }
    for (auto* link : due) {
      link->link.poll(now_, toy_, std::nullopt, server_effects_);
      after_server(*link);
    }
  }

  void send(std::deque<Frame>& pipe, std::uint64_t peer, ByteView bytes) {
    if (peer == 0 || peer != peer_) return;  // into a connection that is gone
    const TimePoint at = now_ + std::chrono::microseconds{pick(2000)};
    pipe.push_back({pipe.empty() ? at : std::max(at, pipe.back().at), peer,
                    Bytes(bytes.begin(), bytes.end())});
  }

  // -- the server --------------------------------------------------------------------------------

  void to_server(const Frame& frame) {
    const auto head = peek(frame.bytes);
    const LinkName name{frame.peer, head->link};
    auto found = links_.find(name);
    if (found == links_.end()) {
      if (head->type != static_cast<std::uint8_t>(MessageType::hello)) return;
      found = links_.emplace(name, std::make_unique<Link>(name, now_)).first;
    }
    auto& link = *found->second;
    link.link.on_frame(frame.bytes, now_, server_effects_);
    after_server(link);
  }

  void after_server(Link& link) {
    for (std::size_t i = 0; i < server_effects_.events.size(); ++i) {
      const auto event = server_effects_.events[i];
      if (const auto* hello = std::get_if<HelloReceived>(&event)) accept(link, *hello);
      if (const auto* mutation = std::get_if<MutationReceived>(&event)) {
        Request request{link.session, mutation->request, 0, mutation->called[0]};
        std::memcpy(&request.tag, mutation->args.data(), sizeof request.tag);
        requests_.push_back(request);
      }
      if (std::holds_alternative<SyncReceived>(event)) {
        link.link.send_snapshot(toy_, now_, server_effects_);
      }
    }
    for (std::size_t i = 0; i < server_effects_.frames.size(); ++i) {
      send(down_, link.name.peer, server_effects_.frames[i]);
    }
    server_effects_.clear();
    repeated_of(link);
    if (link.link.state() != ServerLink::State::closed) return;
    leave(link);
    links_.erase(link.name);
  }

  void repeated_of(Link& link) {
    repeated = std::max(repeated, static_cast<int>(link.link.stats().duplicates));
  }

  void accept(Link& link, const HelloReceived& hello) {
    EXPECT_NE(hello.features & feature_resume, 0U);
    const auto opened = sessions_->open({std::string(hello.client_id), "toy", hello.session, ""},
                                        hello.resume ? hello.resume->token : 0, link.name);
    link.session = opened.session->token;
    if (opened.resumed) {
      ++resumed;
      opened.session->log->forget_below(hello.resume->lowest);
    }
    if (opened.former) links_.erase(*opened.former);
    Bytes schema;
    Writer writer{schema};
    std::vector<Schema::Entry> entries;
    for (std::size_t i = 0; i + 1 < states; ++i) entries.push_back({"S" + std::to_string(i), {}});
    entries.push_back({exception_state, {.multi = true}});
    EXPECT_TRUE(encode_schema(Schema{std::move(entries)}, writer));
    link.link.accept({.machine_id = "toy",
                      .epoch = epoch_,
                      .fingerprint = 9,
                      .schema = schema,
                      .clocks = toy_,
                      .features = feature_resume,
                      .log = opened.session->log,
                      .token = link.session},
                     now_, server_effects_);
  }

  void leave(Link& link) {
    const auto* session = sessions_->find(link.session);
    if (session != nullptr && session->link == link.name) sessions_->detach(link.session, now_);
  }

  // -- the client --------------------------------------------------------------------------------

  void after_client() {
    for (std::size_t i = 0; i < client_effects_.events.size(); ++i) {
      const auto event = client_effects_.events[i];
      if (const auto* opened = std::get_if<LinkOpened>(&event)) {
        if (opened->clocks == LinkOpened::Clocks::new_epoch) {
          ++epochs;
          seen_ = {};
        }
        look();
        client_->proceed(now_, client_effects_);
      } else if (std::holds_alternative<ClocksChanged>(event)) {
        look();
      } else if (const auto* reply = std::get_if<Replied>(&event)) {
        replied(*reply);
      } else if (const auto* closed = std::get_if<LinkClosed>(&event)) {
        EXPECT_EQ(client_->ended(*closed, now_, client_effects_), ClientSession::Next::retry)
            << closed->text;
      }
    }
    for (std::size_t i = 0; i < client_effects_.frames.size(); ++i) {
      send(up_, peer_, client_effects_.frames[i]);
    }
    client_effects_.clear();
  }

  void look() {
    const auto& clocks = client_->link().clocks();
    EXPECT_GE(clocks.queue_tick, seen_.queue_tick);
    for (std::size_t i = 0; i < seen_.ticks.size(); ++i) EXPECT_GE(clocks.ticks[i], seen_.ticks[i]);
    seen_ = clocks;
  }

  void replied(const Replied& reply) {
    // A call that is answered at once is not in the list yet.
    const auto known = tags_.find(reply.request);
    const auto tag = known == tags_.end() ? calling_ : known->second;
    EXPECT_TRUE(answers_.emplace(tag, reply.result).second) << "call " << tag << " has two answers";
    if (reply.result == Result::executed) {
      EXPECT_EQ(runs_[tag], 1);
      const auto [epoch, queue_tick] = ran_at_[tag];
      if (epoch == epoch_ && client_->link().state() == ClientLink::State::open) {
        EXPECT_GE(client_->link().clocks().queue_tick, queue_tick) << "not the caller's own write";
      }
    } else if (reply.result == Result::unknown) {
      ++unknown;
      EXPECT_FALSE(plan_.certain()) << reply.error;
    }
  }

  // No more faults: whatever is left must come to rest.
  void settle() {
    for (int round = 0; round < 4; ++round) {
      if (peer_ == 0) connect();
      run_requests(100'000);
      advance(2s);
    }
    ASSERT_EQ(client_->link().state(), ClientLink::State::open);
    EXPECT_EQ(client_->link().pending(), 0U);
    EXPECT_EQ(client_->link().clocks(), toy_);
    for (const auto& [tag, open] : open_) {
      ASSERT_TRUE(answers_.contains(tag)) << "call " << tag << " has no answer";
      if (answers_[tag] == Result::not_sent) {
        EXPECT_EQ(runs_.count(tag), 0U) << "call " << tag;
      }
    }
  }

  std::mt19937_64 random_;
  Plan plan_;
  TimePoint now_ = TimePoint{} + 1h;

  // The server.
  std::uint64_t epoch_ = 0;
  Clocks toy_{};
  std::optional<ServerSessions> sessions_;
  std::map<LinkName, std::unique_ptr<Link>> links_;
  std::deque<Request> requests_;
  ServerEffects server_effects_;

  // The network.
  std::uint64_t peer_ = 0;  ///< the connection that stands; 0 = none
  std::uint64_t last_peer_ = 0;
  std::deque<Frame> up_;
  std::deque<Frame> down_;

  // The client.
  std::optional<ClientSession> client_;
  ClientEffects client_effects_;
  LinkId last_link_ = 0;
  Clocks seen_{};

  // The model.
  std::uint64_t last_tag_ = 0;
  std::uint64_t calling_ = 0;
  std::map<RequestId, std::uint64_t> tags_;
  std::map<std::uint64_t, bool> open_;
  std::map<std::uint64_t, Result> answers_;
  std::map<std::uint64_t, int> runs_;
  std::map<std::uint64_t, std::pair<std::uint64_t, std::uint64_t>> ran_at_;
};

TEST(Session, RunsEachCallAtMostOnceAndAnswersEachOverLostConnections) {
  int resumed = 0;
  int unknown = 0;
  int epochs = 0;
  int repeated = 0;
  std::uint64_t executions = 0;
  for (std::uint64_t seed = 1; seed <= 500 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world{seed};
    world.run();
    resumed += world.resumed;
    unknown += world.unknown;
    epochs += world.epochs;
    repeated += world.repeated;
    executions += world.executions;
  }
  // The faults must have happened, or nothing was shown.
  EXPECT_GT(resumed, 1000);
  EXPECT_GT(unknown, 200);
  EXPECT_GT(epochs, 50);
  EXPECT_GT(repeated, 300);
  EXPECT_GT(executions, 5'000U);
}

}  // namespace
}  // namespace am::rpc::internal
