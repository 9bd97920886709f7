#include <am/rpc/internal/server_core.hpp>

#include <am/detail/deadline.hpp>
#include <am/error.hpp>
#include <am/rpc/internal/builtin_args.hpp>
#include <am/rpc/internal/check_options.hpp>
#include <am/rpc/internal/random.hpp>

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
  router.heartbeat_interval = options.heartbeat_interval;
  router.heartbeat_timeout = options.heartbeat_timeout;
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

SessionLimits session_limits(const ServerOptions& options) {
  SessionLimits limits;
  limits.ttl = options.session_ttl;
  limits.waiting = options.max_waiting_sessions;
  limits.waiting_bytes = options.max_waiting_session_bytes;
  limits.log.answers = options.max_kept_answers;
  limits.log.texts = options.max_kept_answer_bytes;
  return limits;
}

ServerPayloadLimits payload_limits(const ServerOptions& options) {
  ServerPayloadLimits limits;
  limits.frames.frame = options.max_frame_bytes;
  limits.argument_bytes = options.max_argument_bytes;
  limits.argument_memory = options.max_argument_memory;
  return limits;
}

ServerOptions checked(ServerOptions options) {
  options.push_interval = checked_duration("push_interval", options.push_interval, Zero::allowed);
  options.handshake_timeout =
      checked_duration("handshake_timeout", options.handshake_timeout, Zero::refused);
  options.session_ttl = checked_duration("session_ttl", options.session_ttl, Zero::allowed);
  check_heartbeat(options.heartbeat_interval, options.heartbeat_timeout);
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

/// How long clients have to read their bye before the connection is closed.
constexpr std::chrono::milliseconds bye_grace{20};

}  // namespace

// -- life -------------------------------------------------------------------------------------

ServerCore::ServerCore(ServerOptions options)
    : options_(checked(std::move(options))),
      link_options_(link_options(options_)),
      transport_(Context::shared(), router_options(options_)),
      idle_(options_.handshake_timeout),
      sessions_(session_limits(options_), random_number),
      states_(transport_.endpoint()),
      payloads_(payload_limits(options_),
                [this](std::uint64_t peer, Outbox& frames) { send_frames(PeerId{peer}, frames); }) {
  register_builtin_args();
  if (options_.security) allowed_.emplace(options_.security->clients);
}

void ServerCore::start() {
  states_.started();
  transport_.start(shared_from_this());
}

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

bool ServerCore::stop(std::optional<Restarting> restarting, std::chrono::milliseconds timeout) {
  if (on_io_thread()) {
    throw Error(Errc::would_deadlock,
                "a server cannot be stopped on its own I/O thread, where handlers of remote "
                "mutations run: hand that to another thread");
  }
  const auto deadline = detail::deadline_after(now(), timeout);
  const bool linked = counters_.links_open != 0;
  {
    std::unique_lock lock(stop_mutex_);
    stopping_ = true;
    restarting_ = restarting;
    transport_.wake();
    stop_changed_.wait_until(lock, deadline, [&] { return said_bye_; });
  }
  // A client's libzmq drops what it has received when it learns in the same moment that the
  // connection is closed.
  if (linked) std::this_thread::sleep_until(std::min(deadline, now() + bye_grace));
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  if (!transport_.stop(std::max(left, std::chrono::milliseconds{1}))) return false;
  // The I/O thread is gone; so are its links. Sources let go of their machines.
  const std::lock_guard lock(sources_mutex_);
  exposed_.clear();
  return true;
}

void ServerCore::close_all() {
  auto code = ByeCode::closing;
  std::uint64_t retry_after = 0;
  {
    const std::lock_guard lock(stop_mutex_);
    if (restarting_) {
      code = ByeCode::restarting;
      retry_after = static_cast<std::uint64_t>(
          std::max(restarting_->retry_after, std::chrono::milliseconds{0}).count());
    }
  }
  for (auto& [peer, links] : peers_) {
    for (auto& [id, link] : links) {
      link->link.close(code, retry_after, effects_);
      count(link->counted, link->link.stats());
      if (link->exposed != nullptr) counters_.links_open.fetch_sub(1, std::memory_order_relaxed);
    }
    effects_.events.clear();
    send_frames(peer);
  }
  payloads_.stop();
  peers_.clear();
  link_count_ = 0;
  deadlines_.clear();
  states_.links_left(0);
  states_.stopped();
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
          .links_resumed = counters_.links_resumed,
          .sessions_waiting = counters_.sessions_waiting,
          .repeated = counters_.repeated,
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
  if (said_bye_) return;
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
  if (head->type == packed_type && (link->features & feature_packing) != 0) {
    unpacked_.clear();
    if (unpack(frame, options_.max_frame_bytes, unpacked_) != Fault::none) {
      return dismiss(*link, ByeCode::malformed);
    }
    return on_transfer(*link, unpacked_);
  }
  if (is_transfer(head->type) && (link->features & feature_transfers) != 0) {
    return on_transfer(*link, frame);
  }
  link->link.on_frame(frame, now(), effects_);
  after(*link);
}

/// Does what a link wants after any of its methods was called. The link may be gone afterwards.
void ServerCore::after(Link& link) {
  for (std::size_t i = 0; i < effects_.events.size(); ++i) {
    const auto event = effects_.events[i];  // handling one may add others
    std::visit([&](const auto& e) { handle(link, e); }, event);
  }
  effects_.events.clear();
  count(link.counted, link.link.stats());
  link.counted = link.link.stats();
  const bool opened = !link.announced && link.link.state() == ServerLink::State::open;
  // Before its welcome is sent: whoever is attached can be sent payloads at once.
  if (opened) announce(link);
  send_frames(link.peer);
  if (opened) payloads_.link_opened(link.session, now());
  if (link.link.state() == ServerLink::State::closed) {
    erase(link);
  } else {
    schedule(link);
  }
}

void ServerCore::send_frames(PeerId peer, Outbox& frames) {
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const auto status = send_frame(peer, frames[i]);
    if (status == SendStatus::sent) continue;
    if (status != SendStatus::peer_gone) {
      // A frame that is left out would tear the link's sequence: the peer starts over instead.
      log(fmt::format("peer {}: cut off, {}", static_cast<std::uint64_t>(peer), to_string(status)));
      transport_.drop(peer);
    }
    break;
  }
  frames.clear();
}

/// Sends a frame, packed where that was agreed on and pays.
SendStatus ServerCore::send_frame(PeerId peer, ByteView frame) {
  const auto type = static_cast<std::uint8_t>(frame.front());
  if (frame.size() < packing_threshold || is_transfer(type) || !may_be_packed(type)) {
    return transport_.send(peer, frame);
  }
  const auto* link = find({peer, peek(frame)->link});
  packed_.clear();
  const bool agreed = link != nullptr && (link->features & feature_packing) != 0;
  return transport_.send(peer, agreed && pack(frame, packed_) ? ByteView{packed_} : frame);
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
  add(counters_.repeated, before.duplicates, now_stats.duplicates);
}

void ServerCore::schedule(Link& link) {
  deadlines_.set({link.peer, link.link.id()}, link.scheduled, link.link.next_deadline());
}

void ServerCore::erase(Link& link) {
  const LinkKey key{link.peer, link.link.id()};
  deadlines_.set(key, link.scheduled, no_deadline);
  leave(link, nullptr);
  if (link.exposed != nullptr) {
    link.exposed->links.erase(&link);
    link.exposed->feeds.close(link.feed);
    counters_.links_open.fetch_sub(1, std::memory_order_relaxed);
    states_.links_left(counters_.links_open);
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
    const auto* session = sessions_.find(done.session);
    if (session == nullptr) continue;
    auto* link = session->link ? find({PeerId{session->link->peer}, session->link->link}) : nullptr;
    if (link == nullptr || link->exposed == nullptr) {
      // For when its client comes back.
      session->log->finish(done.request, done.result, done.error, true);
      continue;
    }
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
    link.link.poll(time, link.feed == nullptr ? LinkClocks{} : link.exposed->feeds.of(*link.feed),
                   std::nullopt, effects_);
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
