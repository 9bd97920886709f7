#include <am/rpc/internal/server_core.hpp>

#include <am/detail/deadline.hpp>
#include <am/error.hpp>
#include <am/internal/completion.hpp>
#include <am/rpc/arg_types.hpp>
#include <am/rpc/internal/builtin_args.hpp>
#include <am/rpc/internal/check_options.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace am::rpc::internal {

namespace {

RouterOptions router_options(const ServerOptions& options) {
  RouterOptions router;
  router.endpoint = options.endpoint;
  router.limits.max_frame_bytes = options.max_frame_bytes;
  router.handshake_timeout = options.handshake_timeout;
  router.silence_timeout = options.handshake_timeout;
  router.max_connections = options.max_connections;
  if (options.security) {
    router.key = options.security->key;
    router.admitted = AllowedClients(options.security->clients).keys();
  }
  return router;
}

ServerLinkOptions link_options(const ServerOptions& options) {
  ServerLinkOptions link;
  link.limits.frame = options.max_frame_bytes;
  link.limits.links_per_connection = options.max_links_per_connection;
  link.limits.pending_requests = options.max_pending_calls;
  link.push_mode = options.push ? PushMode::debounced : PushMode::disabled;
  link.push_interval = options.push_interval;
  link.handshake_timeout = options.handshake_timeout;
  return link;
}

ServerOptions checked(ServerOptions options) {
  options.push_interval = checked_duration("push_interval", options.push_interval, Zero::allowed);
  options.handshake_timeout =
      checked_duration("handshake_timeout", options.handshake_timeout, Zero::refused);
  check_at_least("max_frame_bytes", options.max_frame_bytes, min_frame_limit);
  check_at_least("max_connections", options.max_connections, 1);
  check_at_least("max_links", options.max_links, 1);
  check_at_least("max_pending_calls", options.max_pending_calls, 1);
  check_at_least("max_links_per_connection", options.max_links_per_connection, 1);
  if (options.security && !options.security->key) {
    throw Error(Errc::invalid_argument,
                "security has no key: give the server's own, SecretKey::from_file(\"NAME.key\")");
  }
  check_reach(options.endpoint, Endpoint::Use::bind, options.security.has_value(),
              options.allow_plain_tcp ? Plain::allowed : Plain::refused);
  return options;
}

TransportTime now() { return std::chrono::steady_clock::now(); }

}  // namespace

/// Brings the outcome of a mutation back to a turn, whoever ran it.
class ServerCore::ReplyCompletion final : public am::internal::Completion {
 public:
  ReplyCompletion(std::shared_ptr<ServerCore> server, LinkKey link, RequestId request)
      : server_(std::move(server)), link_(link), request_(request) {}

  /// The machine keeps the order from here on, and its handlers may take long.
  void begins() override {
    begun_ = true;
    server_->transport_.inside();
  }
  bool begun() const noexcept { return begun_; }
  const LinkKey& link() const noexcept { return link_; }
  RequestId request() const noexcept { return request_; }

 protected:
  void done(Result result) override { server_->post({link_, request_, result}); }

 private:
  std::shared_ptr<ServerCore> server_;
  LinkKey link_;
  RequestId request_;
  bool begun_ = false;  ///< by the thread that submits it
};

// -- life -------------------------------------------------------------------------------------

ServerCore::ServerCore(ServerOptions options)
    : options_(checked(std::move(options))),
      link_options_(link_options(options_)),
      transport_(Context::shared(), router_options(options_)),
      idle_(options_.handshake_timeout) {
  register_builtin_args();
  if (options_.security) allowed_.emplace(options_.security->clients);
}

void ServerCore::start() { transport_.start(shared_from_this()); }

void ServerCore::expose(const Api& machine, const ExposeOptions& options) {
  const std::lock_guard lock(sources_mutex_);
  if (std::ranges::any_of(exposed_,
                          [&](const auto& e) { return e->source->id() == machine.id(); })) {
    throw Error(Errc::invalid_argument,
                fmt::format("a machine with the id \"{}\" is exposed already", machine.id()));
  }
  const Limits limits;
  check_id("the id of an exposed machine", machine.id(), limits.id);
  for (const auto& [name, state] : machine.schema().schema().entries()) {
    if (state.tags.size() <= limits.tags && std::ranges::all_of(state.tags, [&](const auto& tag) {
          return tag.size() <= limits.tag;
        })) {
      continue;
    }
    throw Error(
        Errc::invalid_argument,
        fmt::format("state \"{}\" has tags that do not fit on the wire: at most {} of at most "
                    "{} bytes",
                    name.text, limits.tags, limits.tag));
  }
  auto exposed =
      std::make_unique<Exposed>(Exposed{nullptr, CallableStates(options, machine.schema()), {}});
  exposed->source = std::make_unique<Source>(machine, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) {
      // What the thread that leads changes itself, it finds in its next turn.
      if (!self->transport_.on_leading_thread()) self->transport_.wake();
    }
  });
  exposed_.push_back(std::move(exposed));
}

void ServerCore::allow_clients(std::vector<AllowedClient> clients) {
  if (!allowed_) {
    throw Error(Errc::invalid_argument,
                "a server without keys lets everybody in: give it some (ServerOptions::security)");
  }
  allowed_->replace(std::move(clients));
  transport_.admit(allowed_->keys());
  allowed_changed_ = true;
  transport_.wake();
}

/// Drops the peers whose keys are not listed any more.
void ServerCore::cut_off_unlisted() {
  std::vector<PeerId> unlisted;
  for (const auto& [peer, links] : peers_) {
    const auto client = allowed_->find(transport_.key(peer));
    if (!client) unlisted.push_back(peer);
    for (const auto& [id, link] : links) link->may_mutate = client && client->may_mutate;
  }
  for (const auto peer : unlisted) {
    log(fmt::format("peer {}: cut off, its key is not listed any more",
                    static_cast<std::uint64_t>(peer)));
    transport_.drop(peer);
  }
}

bool ServerCore::stop(std::chrono::milliseconds timeout) {
  if (on_io_thread()) {
    throw Error(Errc::would_deadlock,
                "a server cannot be stopped on its own I/O thread, where handlers of remote "
                "mutations run: hand that to another thread");
  }
  const auto deadline = detail::deadline_after(now(), timeout);
  {
    std::unique_lock lock(stop_mutex_);
    stopping_ = true;
    transport_.wake();
    stop_changed_.wait_until(lock, deadline, [&] { return said_bye_; });
  }
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  if (!transport_.stop(std::max(left, std::chrono::milliseconds{1}))) return false;
  // The I/O thread is gone; so are its links. Sources let go of their machines.
  const std::lock_guard lock(sources_mutex_);
  exposed_.clear();
  return true;
}

void ServerCore::close_all() {
  for (auto& [peer, links] : peers_) {
    for (auto& [id, link] : links) {
      link->link.close(ByeCode::closing, 0, effects_);
      count(link->counted, link->link.stats());
      if (link->exposed != nullptr) counters_.links_open.fetch_sub(1, std::memory_order_relaxed);
    }
    effects_.events.clear();
    send_frames(peer);
  }
  peers_.clear();
  link_count_ = 0;
  deadlines_.clear();
  {
    const std::lock_guard lock(sources_mutex_);
    for (const auto& exposed : exposed_) exposed->links.clear();
  }
  {
    const std::lock_guard lock(stop_mutex_);
    said_bye_ = true;
  }
  stop_changed_.notify_all();
}

ServerStats ServerCore::stats() const {
  const auto traffic = transport_.counters();
  return {.links_open = counters_.links_open,
          .links_opened = counters_.links_opened,
          .links_refused = counters_.links_refused,
          .links_broken = counters_.links_broken,
          .connections = traffic.connections,
          .connections_closed = traffic.closed + counters_.idle_closed,
          .stray_frames = counters_.stray_frames,
          .mutations = counters_.mutations,
          .denied = counters_.denied,
          .replies = counters_.replies,
          .pushes = counters_.pushes,
          .snapshots = counters_.snapshots,
          .bytes_in = traffic.bytes_in,
          .bytes_out = traffic.bytes_out};
}

void ServerCore::log(const std::string& line) const {
  if (options_.log) options_.log(line);
}

// -- links ------------------------------------------------------------------------------------

ServerCore::Link* ServerCore::find(LinkKey key) {
  const auto peer = peers_.find(key.first);
  if (peer == peers_.end()) return nullptr;
  const auto link = peer->second.find(key.second);
  return link == peer->second.end() ? nullptr : link->second.get();
}

/// Makes the link that a hello asks for; null when the peer has too many.
ServerCore::Link* ServerCore::open(PeerId peer, LinkId id) {
  if (link_count_ >= options_.max_links) return nullptr;
  auto& links = peers_[peer];
  if (links.size() >= options_.max_links_per_connection) return nullptr;
  ++link_count_;
  auto& link = links[id];
  link = std::make_unique<Link>(peer, id, link_options_, now());
  return link.get();
}

void ServerCore::on_frame(PeerId peer, FrameView frame) {
  if (!peers_.contains(peer)) idle_.note(peer, now());
  const auto head = peek(frame);
  if (!head) {
    counters_.stray_frames.fetch_add(1, std::memory_order_relaxed);
    log(fmt::format("peer {}: dropped a frame of {} bytes that has no type and link",
                    static_cast<std::uint64_t>(peer), frame.size()));
    return;
  }
  auto* link = find({peer, head->link});
  if (link == nullptr) {
    const bool hello = head->type == static_cast<std::uint8_t>(MessageType::hello);
    link = hello ? open(peer, head->link) : nullptr;
    if (link == nullptr) {
      if (head->type == static_cast<std::uint8_t>(MessageType::bye)) return;
      counters_.stray_frames.fetch_add(1, std::memory_order_relaxed);
      Writer writer(effects_.frames.add());
      encode(writer, head->link, Bye{hello ? ByeCode::overloaded : ByeCode::unknown_link, 0});
      send_frames(peer);
      return;
    }
  }
  link->link.on_frame(frame, now(), effects_);
  after(*link);
}

/// Does what a link wants after any of its methods was called. The link may be gone afterwards.
void ServerCore::after(Link& link) {
  bool closed = false;
  for (std::size_t i = 0; i < effects_.events.size(); ++i) {
    const auto event = effects_.events[i];  // handling one may add others
    std::visit([&](const auto& e) { handle(link, e); }, event);
    closed |= std::holds_alternative<LinkClosed>(event);
  }
  effects_.events.clear();
  count(link.counted, link.link.stats());
  link.counted = link.link.stats();
  send_frames(link.peer);
  if (closed || link.link.state() == ServerLink::State::closed) {
    erase(link);
  } else {
    schedule(link);
  }
}

void ServerCore::send_frames(PeerId peer) {
  for (std::size_t i = 0; i < effects_.frames.size(); ++i) {
    const auto status = transport_.send(peer, effects_.frames[i]);
    if (status == SendStatus::sent) continue;
    if (status != SendStatus::peer_gone) {
      // A frame that is left out would tear the link's sequence: the peer starts over instead.
      log(fmt::format("peer {}: cut off, {}", static_cast<std::uint64_t>(peer), to_string(status)));
      transport_.drop(peer);
    }
    break;
  }
  effects_.frames.clear();
}

void ServerCore::count(const LinkStats& before, const LinkStats& now_stats) {
  const auto add = [](std::atomic<std::uint64_t>& counter, std::uint64_t from, std::uint64_t to) {
    if (to != from) counter.fetch_add(to - from, std::memory_order_relaxed);
  };
  add(counters_.mutations, before.requests, now_stats.requests);
  add(counters_.replies, before.replies, now_stats.replies);
  add(counters_.pushes, before.pushes, now_stats.pushes);
  add(counters_.snapshots, before.snapshots, now_stats.snapshots);
  add(counters_.denied, before.refused, now_stats.refused);
}

void ServerCore::schedule(Link& link) {
  const auto deadline = link.link.next_deadline();
  if (deadline == link.scheduled) return;
  const LinkKey key{link.peer, link.link.id()};
  if (link.scheduled != no_deadline) deadlines_.erase({link.scheduled, key});
  if (deadline != no_deadline) deadlines_.insert({deadline, key});
  link.scheduled = deadline;
}

void ServerCore::erase(Link& link) {
  const LinkKey key{link.peer, link.link.id()};
  if (link.scheduled != no_deadline) deadlines_.erase({link.scheduled, key});
  if (link.exposed != nullptr) {
    link.exposed->links.erase(&link);
    counters_.links_open.fetch_sub(1, std::memory_order_relaxed);
  }
  const auto peer = peers_.find(key.first);
  if (peer == peers_.end()) return;
  link_count_ -= peer->second.erase(key.second);
  if (!peer->second.empty()) return;
  peers_.erase(peer);
  idle_.note(key.first, now());
}

void ServerCore::on_peer_gone(PeerId peer) {
  while (true) {
    const auto again = peers_.find(peer);
    if (again == peers_.end()) break;
    erase(*again->second.begin()->second);
  }
  idle_.forget(peer);
}

/// Drops the peers that have had no link for too long.
void ServerCore::cut_off_idle(TransportTime time) {
  while (const auto peer = idle_.take(time)) {
    counters_.idle_closed.fetch_add(1, std::memory_order_relaxed);
    transport_.drop(*peer);
  }
}

// -- what links ask for ---------------------------------------------------------------------------

ServerCore::Exposed* ServerCore::find_exposed(std::string_view id) {
  const std::lock_guard lock(sources_mutex_);
  if (id.empty()) return exposed_.empty() ? nullptr : exposed_.front().get();
  const auto found =
      std::ranges::find_if(exposed_, [&](const auto& e) { return e->source->id() == id; });
  return found == exposed_.end() ? nullptr : found->get();
}

/// False when the client is not let in, and has been told.
bool ServerCore::admit(Link& link, const HelloReceived& hello) {
  const char* why = nullptr;
  if (allowed_) {
    const auto client = allowed_->find(transport_.key(link.peer));
    if (!client) why = "its key is not listed";
    link.may_mutate = client && client->may_mutate;
  }
  if (why == nullptr && !options_.allow_id.empty() && hello.client_id != options_.allow_id) {
    why = "another client id is expected";
  }
  if (why == nullptr) return true;
  counters_.links_refused.fetch_add(1, std::memory_order_relaxed);
  log(fmt::format("client \"{}\": refused, {}", hello.client_id, why));
  link.link.refuse(RefuseCode::denied, fmt::format("no access: {}", why), 0, effects_);
  return false;
}

void ServerCore::handle(Link& link, const HelloReceived& hello) {
  if (!admit(link, hello)) return;
  auto* exposed = find_exposed(hello.machine_id);
  if (exposed == nullptr) {
    counters_.links_refused.fetch_add(1, std::memory_order_relaxed);
    log(fmt::format("client \"{}\": refused, no machine \"{}\"", hello.client_id,
                    hello.machine_id));
    link.link.refuse(RefuseCode::unknown_machine,
                     hello.machine_id.empty()
                         ? std::string("the server exposes no machine")
                         : fmt::format("the server exposes no machine \"{}\"", hello.machine_id),
                     0, effects_);
    return;
  }
  auto& source = *exposed->source;
  if (source.gone()) {
    counters_.links_refused.fetch_add(1, std::memory_order_relaxed);
    link.link.refuse(RefuseCode::unknown_machine,
                     fmt::format("the machine \"{}\" is gone", source.id()), 0, effects_);
    return;
  }
  // Before the clocks are read, so that no change falls between them and the first push.
  idle_.forget(link.peer);
  link.exposed = exposed;
  exposed->links.insert(&link);
  counters_.links_open.fetch_add(1, std::memory_order_relaxed);
  counters_.links_opened.fetch_add(1, std::memory_order_relaxed);
  ClocksView clocks;
  do {
    end_outgrown(*exposed, &link);
    clocks = source.clocks();
  } while (source.outgrown());  // schema and clocks have to fit
  link.link.accept({.machine_id = source.id(),
                    .epoch = source.epoch(),
                    .fingerprint = source.fingerprint(),
                    .schema = source.schema(),
                    .clocks = clocks},
                   now(), effects_);
}

void ServerCore::handle(Link& link, const MutationReceived& mutation) {
  const LinkKey key{link.peer, link.link.id()};
  const auto denied = link.may_mutate ? link.exposed->callable.denies(mutation.op, mutation.called,
                                                                      link.exposed->source->names())
                                      : "this client may read, and not mutate";
  if (!denied.empty()) {
    counters_.denied.fetch_add(1, std::memory_order_relaxed);
    link.link.on_result(mutation.request, {Result::not_sent, Reason::denied}, denied,
                        link.exposed->source->clocks(), std::nullopt, now(), effects_);
    return;
  }
  mutations_.push_back(
      {link.exposed->source.get(),
       mutation.op,
       {mutation.called.begin(), mutation.called.end()},
       {mutation.args.begin(), mutation.args.end()},
       std::make_shared<ReplyCompletion>(shared_from_this(), key, mutation.request)});
}

/// Submits the mutation that has waited longest, and mostly runs it. Another thread may go on with
/// the next one while its handlers run: uses nothing of this object then but what any thread may.
void ServerCore::work() {
  auto mutation = std::move(mutations_[next_mutation_]);
  if (++next_mutation_ == mutations_.size()) {
    mutations_.clear();
    next_mutation_ = 0;
  }
  const auto& completion = mutation.completion;
  std::string error;
  const auto result =
      mutation.source->submit(mutation.op, mutation.called, mutation.args, completion, error);
  if (completion->begun() || result == Result::queued) return;
  // What never got into the queue completes nothing.
  if (result == Result::not_sent && result.reason() == Reason::denied) {
    counters_.denied.fetch_add(1, std::memory_order_relaxed);
  }
  post({completion->link(), completion->request(), result, std::move(error)});
}

void ServerCore::handle(Link& link, const SyncReceived&) {
  link.link.send_snapshot(link.exposed->source->clocks(), now(), effects_);
}

void ServerCore::handle(Link& link, const LinkClosed& closed) {
  if (closed.reason == CloseReason::bye || closed.reason == CloseReason::local ||
      closed.reason == CloseReason::refused) {
    return;
  }
  counters_.links_broken.fetch_add(1, std::memory_order_relaxed);
  log(fmt::format("peer {} link {}: ended, {}: {}", static_cast<std::uint64_t>(link.peer),
                  link.link.id(), to_string(closed.reason), closed.text));
}

// -- outcomes and changes
// ---------------------------------------------------------------------------

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
  for (const auto& done : answering_) {
    auto* link = find(done.link);
    if (link == nullptr || link->exposed == nullptr) continue;
    link->link.on_result(done.request, done.result, done.error, link->exposed->source->clocks(),
                         std::nullopt, now(), effects_);
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
      for (auto* link : links) {
        link->link.close(ByeCode::machine_gone, 0, effects_);
        after(*link);
      }
      continue;
    }
    end_outgrown(*exposed);
    if (const auto change = exposed->source->change()) spread_change(*exposed, *change, time);
  }
}

/// Ends the links that know the schema which the machine had before it grew. Clients that connect
/// from now on, as `newcomer` does, get the new one.
void ServerCore::end_outgrown(Exposed& exposed, const Link* newcomer) {
  if (!exposed.source->outgrown()) return;
  const auto links = exposed.links;
  for (auto* link : links) {
    if (link == newcomer) continue;
    link->link.close(ByeCode::schema_changed, 0, effects_);
    after(*link);
  }
  exposed.source->renew();
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
  const auto links = exposed.links;  // polling may end one
  for (auto* link : links) poll(*link, time);
}

void ServerCore::poll(Link& link, TransportTime time) {
  if (link.link.due(time)) {
    const auto clocks = link.exposed == nullptr ? ClocksView{} : link.exposed->source->clocks();
    link.link.poll(time, clocks, std::nullopt, effects_);
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
  spread_changes(now());
}

TransportTime ServerCore::next_deadline() {
  return std::min(deadlines_.empty() ? no_deadline : deadlines_.begin()->first, idle_.deadline());
}

void ServerCore::on_deadline(TransportTime time) {
  cut_off_idle(time);
  while (!deadlines_.empty() && deadlines_.begin()->first <= time) {
    auto* link = find(deadlines_.begin()->second);
    if (link == nullptr) {
      deadlines_.erase(deadlines_.begin());
      continue;
    }
    // Before the clocks are read, so that changes after that are told again.
    if (link->exposed != nullptr) link->exposed->source->settle();
    poll(*link, time);
  }
}

}  // namespace am::rpc::internal
