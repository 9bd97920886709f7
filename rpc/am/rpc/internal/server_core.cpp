#include <am/rpc/internal/server_core.hpp>

#include <am/detail/deadline.hpp>
#include <am/error.hpp>
#include <am/internal/lost_lines.hpp>
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
  waits_.bring_with([weak = weak_from_this()](const ServerWaits::Ended& ended) {
    const auto self = weak.lock();
    if (self == nullptr) return;
    self->waits_.post(ended);
    if (!self->transport_.on_leading_thread()) self->transport_.wake();
  });
  sessions_.when_ended([this](ServerSessions::Token session) { waits_.session_ended(session); });
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
  if (options_.log) am::internal::write_line([&] { options_.log(line); });
}

}  // namespace am::rpc::internal
