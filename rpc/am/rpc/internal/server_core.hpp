// The server behind `am::rpc::Server`: joins the endpoint, its links and the exposed machines.
#pragma once

#include <am/rpc/internal/access.hpp>
#include <am/rpc/internal/clock_feeds.hpp>
#include <am/rpc/internal/deadlines.hpp>
#include <am/rpc/internal/idle_peers.hpp>
#include <am/rpc/internal/link_states.hpp>
#include <am/rpc/internal/packing.hpp>
#include <am/rpc/internal/server_link.hpp>
#include <am/rpc/internal/server_payloads.hpp>
#include <am/rpc/internal/server_sessions.hpp>
#include <am/rpc/internal/server_waits.hpp>
#include <am/rpc/internal/source.hpp>
#include <am/rpc/internal/transport/router.hpp>
#include <am/rpc/server.hpp>

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace am::rpc::internal {

/// Lives as long as its I/O thread or a running mutation needs it. Everything about links happens
/// on the I/O thread; sources are added by others under a mutex.
class ServerCore final : public RouterHandler, public std::enable_shared_from_this<ServerCore> {
 public:
  explicit ServerCore(ServerOptions options);

  void start();
  void expose(const Api& machine, const ExposeOptions& options);
  void allow_clients(std::vector<AllowedClient> clients);
  Pending<Delivery> send_payload(const Api& machine, Payload payload,
                                 const PayloadOptions& options);
  const std::string& endpoint() const noexcept { return transport_.endpoint(); }
  ServerStats stats() const;
  Machine& machine() const noexcept { return states_.machine(); }
  bool stop(std::optional<Restarting> restarting, std::chrono::milliseconds timeout);
  /// Also on a thread that has lost the lead, and still runs a mutation.
  bool on_io_thread() const noexcept { return transport_.on_own_thread(); }

  // -- RouterHandler, on the I/O thread --------------------------------------------

  void on_frame(PeerId peer, FrameView frame) override;
  void on_wake() override;
  void on_peer_gone(PeerId peer) override;
  TransportTime next_deadline() override;
  void on_deadline(TransportTime now) override;
  void on_turn_end() override;
  bool has_work() const override { return next_mutation_ < mutations_.size(); }
  void work() override;

 private:
  class ReplyCompletion;

  struct Link;
  /// A source and the links that are open to it.
  struct Exposed {
    std::unique_ptr<Source> source;
    CallableStates callable;
    std::set<Link*> links{};
    ClockFeeds feeds{};  ///< I/O thread only, as the links and what follows
    // For links that want each transition.
    ClockFeeds log_feeds{};
    Clocks log_clocks{};  ///< as of the last transition that was taken from the log
    std::size_t log_links = 0;
  };
  struct Link {
    Link(PeerId p, LinkId id, const ServerLinkOptions& options, TransportTime now,
         std::shared_ptr<PushWindow> window)
        : peer(p), link(id, options, now, std::move(window)) {}
    PeerId peer;
    ServerLink link;
    Exposed* exposed = nullptr;
    ClockFeeds::Held* feed = nullptr;  ///< of `exposed`, once open
    bool schema = true;                ///< the client has it
    bool logs = false;                 ///< wants each transition: `feed` is one of `log_feeds`
    bool may_mutate = true;
    std::uint64_t features = 0;         ///< once open
    std::uint64_t errors_told = 0;      ///< `Source::errors` as of the last one
    std::string client_id{};            ///< until the payloads know of the link
    bool announced = false;             ///< to the payloads
    ServerSessions::Token session = 0;  ///< once open
    bool resumable = false;
    TransportTime scheduled = no_deadline;
    LinkStats counted{};  ///< what of its counters is in the server's
  };
  using LinkKey = std::pair<PeerId, LinkId>;

  /// Waits to be submitted, so that no turn waits for handlers.
  struct Mutation {
    Source* source;  ///< lives as long as the I/O threads
    Op op;
    std::vector<StateIndex> called;
    Bytes args;
    std::shared_ptr<ReplyCompletion> completion;
  };

  struct Done {
    ServerSessions::Token session = 0;
    RequestId request = 0;
    Result result{};
    std::string error{};
  };

  /// Counters that other threads read.
  struct Counters {
    std::atomic<std::uint64_t> links_open{0}, links_opened{0}, links_refused{0}, links_resumed{0},
        links_broken{0}, idle_closed{0}, sessions_waiting{0}, repeated{0}, stray_frames{0},
        mutations{0}, denied{0}, replies{0}, pushes{0}, snapshots{0};
  };

  Link* find(LinkKey key);
  Link* open(PeerId peer, LinkId id);
  void after(Link& link);
  void handle(Link& link, const HelloReceived& hello);
  bool admit(Link& link, const HelloReceived& hello);
  void cut_off_unlisted();
  void cut_off_idle(TransportTime now);
  void handle(Link& link, const MutationReceived& mutation);
  void handle(Link& link, const SyncReceived& sync);
  void handle(Link& link, const ChoiceReceived& received);
  LinkClocks clocks_of(Link& link);
  LinkClocks view_of(Link& link);
  static ClockFeeds& feeds_of(Exposed& exposed, bool logs) noexcept {
    return logs ? exposed.log_feeds : exposed.feeds;
  }
  static Bytes names_for(const Link& link);
  ClockFeeds::Held* feed_for(Link& link, Exposed& exposed, const HelloReceived& hello);
  void handle(Link& link, const LinkClosed& closed);
  void send_frames(PeerId peer) { send_frames(peer, effects_.frames); }
  void send_frames(PeerId peer, Outbox& frames);
  SendStatus send_frame(PeerId peer, ByteView frame);
  void resume_pushes(PeerId peer);
  void on_transfer(Link& link, ByteView frame);
  void on_wait(Link& link, ByteView frame);
  bool source_moved(Link& link, const WaitAsked& asked);
  void tell_waits(TransportTime now);
  bool error_is_news(Link& link);
  void tell_error(Link& link);
  void announce(Link& link);
  bool fetch_arguments(Link& link, const MutationReceived& mutation, Bytes& arguments);
  void count(const LinkStats& before, const LinkStats& now);
  void schedule(Link& link);
  void erase(Link& link);
  void leave(Link& link, const LinkClosed* closed);
  void dismiss(Link& link, ByeCode code);
  void accept(Link& link, Exposed& exposed, const HelloReceived& hello);
  Exposed* find_exposed(std::string_view id);
  void post(Done done);
  void answer_done();
  void spread_changes(TransportTime now);
  void count_log_links(Exposed& exposed, int change);
  void read_log_clocks(Exposed& exposed);
  static std::vector<Link*> log_links(const Exposed& exposed);
  void drain_logs();
  void drain_log(Exposed& exposed, TransportTime now);
  void tell_transition(Exposed& exposed, const LoggedTransition& transition, TransportTime now);
  void end_outgrown(Exposed& exposed, const Link* newcomer = nullptr);
  void spread_change(Exposed& exposed, SourceChange change, TransportTime now);
  void poll(Link& link, TransportTime now);
  void close_all();
  void log(const std::string& line) const;

  const ServerOptions options_;
  ServerLinkOptions link_options_;
  std::optional<AllowedClients> allowed_;  ///< with keys
  std::atomic<bool> allowed_changed_{false};
  RouterTransport transport_;

  // On the I/O thread only.
  std::unordered_map<PeerId, std::map<LinkId, std::unique_ptr<Link>>> peers_;
  std::size_t link_count_ = 0;  ///< of all peers
  IdlePeers idle_;
  Deadlines<LinkKey> deadlines_;
  ServerSessions sessions_;
  ServerStates states_;
  ServerPayloads payloads_;
  ServerWaits waits_;
  std::vector<ServerWaits::Ended> waited_;
  std::size_t log_links_ = 0;  ///< of all machines
  std::vector<LoggedTransition> taken_;
  std::vector<StateIndex> called_;
  Bytes packed_, unpacked_;
  ServerEffects effects_;
  std::vector<Done> answering_;
  std::vector<Mutation> mutations_;  ///< in their order, from `next_mutation_` on
  std::size_t next_mutation_ = 0;

  std::mutex sources_mutex_;
  std::vector<std::unique_ptr<Exposed>> exposed_;  ///< in order of exposure; links: I/O thread only

  std::mutex done_mutex_;
  std::vector<Done> done_;

  std::mutex stop_mutex_;
  std::condition_variable stop_changed_;
  bool stopping_ = false;
  std::optional<Restarting> restarting_{};
  bool said_bye_ = false;

  mutable Counters counters_;
};

}  // namespace am::rpc::internal
