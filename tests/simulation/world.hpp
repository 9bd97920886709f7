// A remote machine and its server in one thread: the protocol objects of production between a fake
// clock and a fake network, and a model that knows what must hold.
#pragma once

#include <am/result.hpp>
#include <am/rpc/internal/client_session.hpp>
#include <am/rpc/internal/push_window.hpp>
#include <am/rpc/internal/server_link.hpp>
#include <am/rpc/internal/server_sessions.hpp>

#include <fmt/format.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace simulation {

/// A bug that is made on purpose, to see that it is found.
enum class Planted : std::uint8_t {
  none,
  no_reply_cache,  ///< the server forgets what it has answered when a session is resumed
  lost_diff,       ///< the proxy leaves out an update now and then
  out_of_order,    ///< the proxy applies an update after the one that follows it
};

/// What happens to a seed besides delay and lost connections.
struct Plan {
  bool restarts = false;     // of the server
  bool new_clients = false;  // the client's process is started again
  bool deadlines = false;    // of calls
  bool forgets = false;      // sessions and answers are kept for a short time only
  bool takes_over = false;   // the server does not notice lost connections
  bool slow = false;         // the client reads nothing for a while
  bool jumps = false;        // the computer sleeps: time jumps ahead
  bool corrupts = false;     // a bit of a frame is turned over

  /// Of a seed; each fault is part of some.
  static Plan of(std::uint64_t seed);
  /// Then no call has a reason to end as unknown.
  bool certain() const {
    return !restarts && !new_clients && !deadlines && !forgets && !jumps && !corrupts;
  }
};

/// What a seed did, added up over seeds: faults that never happen show nothing.
struct Tally {
  std::uint64_t calls = 0;
  std::uint64_t executions = 0;
  std::uint64_t resumed = 0;
  std::uint64_t repeated = 0;  ///< requests that came again and were not run again
  std::uint64_t unknown = 0;
  std::uint64_t epochs = 0;
  std::uint64_t new_clients = 0;
  std::uint64_t corrupted = 0;
  std::uint64_t jumps = 0;
  std::uint64_t pauses = 0;  ///< of a client that reads nothing

  void add(const Tally& other);
};

/// Runs one seed. Same seed, same run, on every computer.
class World {
 public:
  using Trace = std::function<void(std::chrono::nanoseconds at, const std::string& what)>;

  explicit World(std::uint64_t seed, Planted planted = Planted::none, Trace trace = {});

  void run();
  /// What did not hold; empty when all is well. At most `most_violations`.
  const std::vector<std::string>& violations() const noexcept { return violations_; }
  const Tally& tally() const noexcept { return tally_; }

 private:
  using TimePoint = am::rpc::internal::ServerLink::TimePoint;
  using Bytes = am::rpc::internal::Bytes;
  using ByteView = am::rpc::internal::ByteView;
  static constexpr std::size_t most_violations = 10;
  static constexpr std::uint64_t push_window = 3;

  struct Frame {
    TimePoint at;
    std::uint64_t peer;
    Bytes bytes;
  };
  struct Link {
    Link(am::rpc::internal::LinkName n, TimePoint now)
        : name(n),
          link(n.link, {.push_interval = std::chrono::milliseconds{5}}, now,
               std::make_shared<am::rpc::internal::PushWindow>(push_window)) {}
    am::rpc::internal::LinkName name;
    am::rpc::internal::ServerLink link;
    am::rpc::internal::ServerSessions::Token session = 0;
    std::uint64_t duplicates = 0;  ///< as counted so far
  };
  struct Request {
    am::rpc::internal::ServerSessions::Token session;
    am::rpc::internal::RequestId request;
    std::uint64_t tag;
    am::StateIndex state;
  };
  /// A call by one life of the client.
  struct Call {
    std::uint64_t life = 0;
    std::optional<am::Result> answer{};
    int runs = 0;
    std::uint64_t ran_in = 0;  ///< epoch
    std::uint64_t ran_at = 0;  ///< queue tick
  };

  std::uint64_t pick(std::uint64_t below) { return random_() % below; }
  bool one_in(std::uint64_t chances) { return pick(chances) == 0; }
  void expect(bool holds, const char* rule, std::uint64_t tag = 0);
  template <class... T>
  void say(fmt::format_string<const T&...> format, const T&... values) {
    if (trace_) trace_(now_.time_since_epoch(), fmt::format(format, values...));
  }
  bool failed() const noexcept { return !violations_.empty(); }

  // What happens (world.cpp).
  void act();
  void connect();
  void cut();
  std::uint64_t disconnect();
  void advance(std::chrono::nanoseconds by);
  TimePoint next_event();
  void turn();
  void deliver_up();
  void deliver_down();
  void send(std::deque<Frame>& pipe, std::uint64_t peer, ByteView bytes);
  void turn_a_bit_over(Bytes& frame);
  void settle();
  void check_bounds();

  // The server (world_server.cpp).
  void start_server();
  void restart_server();
  void change(am::StateIndex state);
  void run_requests(std::size_t most);
  void poll_links();
  void to_server(const Frame& frame);
  void stray(const am::rpc::internal::FrameHead& head, std::uint64_t peer);
  void after_server(Link& link);
  void accept(Link& link, const am::rpc::internal::HelloReceived& hello);
  void leave(Link& link);
  void peer_gone(std::uint64_t peer);

  // The client (world_client.cpp).
  void start_client();
  void restart_client();
  void call();
  void greet();
  void to_client(const Frame& frame);
  void after_client();
  bool handle(const am::rpc::internal::ClientEvent& event);
  void show(const std::vector<am::StateIndex>& changed);
  void apply(const am::rpc::internal::Clocks& clocks, const std::vector<am::StateIndex>& changed);
  void replied(const am::rpc::internal::Replied& reply);

  std::mt19937_64 random_;
  const Planted planted_;
  const Trace trace_;
  Plan plan_;
  TimePoint now_ = TimePoint{} + std::chrono::hours{1};
  Tally tally_;
  std::vector<std::string> violations_;

  // The server.
  std::uint64_t epoch_ = 0;
  am::rpc::internal::Clocks source_{};
  std::optional<am::rpc::internal::ServerSessions> sessions_;
  std::map<am::rpc::internal::LinkName, std::unique_ptr<Link>> links_;
  std::deque<Request> requests_;
  am::rpc::internal::ServerEffects server_effects_;

  // The network.
  bool faults_ = true;
  std::uint64_t peer_ = 0;  ///< the connection that stands; 0 = none
  std::uint64_t last_peer_ = 0;
  TimePoint reads_from_{};  ///< the client reads nothing before
  std::deque<Frame> up_;
  std::deque<Frame> down_;

  // The client.
  std::uint64_t life_ = 0;
  std::optional<am::rpc::internal::ClientSession> client_;
  am::rpc::internal::ClientEffects client_effects_;
  am::rpc::internal::LinkId last_link_ = 0;
  am::rpc::internal::Clocks proxy_{};  ///< built from the updates alone, as a remote machine is
  std::optional<std::pair<am::rpc::internal::Clocks, std::vector<am::StateIndex>>> held_back_;

  // The model.
  std::uint64_t last_tag_ = 0;
  std::uint64_t calling_ = 0;
  std::map<am::rpc::internal::RequestId, std::uint64_t> tags_;  ///< of this life's requests
  std::map<std::uint64_t, Call> calls_;
};

}  // namespace simulation
