#include <am/rpc/internal/client_core.hpp>

#include <am/detail/deadline.hpp>
#include <am/error.hpp>
#include <am/rpc/internal/builtin_args.hpp>
#include <am/rpc/internal/check_options.hpp>
#include <am/rpc/internal/random.hpp>
#include <am/rpc/internal/remote_core.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace am::rpc::internal {

namespace {

DealerOptions dealer_options(const ClientOptions& options) {
  DealerOptions dealer;
  dealer.endpoint = options.endpoint;
  dealer.limits.max_frame_bytes = options.max_frame_bytes;
  // One turn may bring a frame of every link and of every thread that calls.
  dealer.limits.send_queue = 100'000;
  if (options.security) {
    dealer.key = options.security->key;
    dealer.server_key = options.security->server;
  }
  return dealer;
}

ClientOptions checked(ClientOptions options) {
  options.call_timeout = checked_duration("call_timeout", options.call_timeout, Zero::refused);
  check_at_least("max_frame_bytes", options.max_frame_bytes, min_frame_limit);
  check_at_least("max_states", options.max_states, 1);
  check_at_least("max_pending_calls", options.max_pending_calls, 1);
  check_id("the client's id", options.id, Limits{}.id);
  if (options.security && !options.security->key) {
    throw Error(Errc::invalid_argument,
                "security has no key: give the client's own, SecretKey::from_file(\"NAME.key\")");
  }
  if (options.security && !options.security->server) {
    throw Error(Errc::invalid_argument,
                "security does not name the server: give its public key, "
                "PublicKey::from_file(\"SERVER.pub\")");
  }
  check_reach(options.endpoint, Endpoint::Use::connect, options.security.has_value(),
              options.allow_plain_tcp ? Plain::allowed : Plain::refused);
  return options;
}

TransportTime now() { return std::chrono::steady_clock::now(); }

TransportTime expiry(const MutationOptions& options) {
  return options.ttl.count() > 0 ? detail::deadline_after(now(), options.ttl) : no_deadline;
}

/// How much longer than its deadline a caller waits for the I/O thread to say what became of it.
constexpr std::chrono::milliseconds answer_grace{250};

LinkErrc link_errc(CloseReason reason) {
  switch (reason) {
    case CloseReason::refused: return LinkErrc::refused;
    case CloseReason::handshake_timeout: return LinkErrc::unreachable;
    case CloseReason::local:
    case CloseReason::bye: return LinkErrc::lost;
    case CloseReason::schema: return LinkErrc::schema;
    default: return LinkErrc::protocol;
  }
}

}  // namespace

// -- any thread ---------------------------------------------------------------------------------

ClientCore::ClientCore(ClientOptions options)
    : options_(checked(std::move(options))),
      id_(options_.id.empty() ? random_id() : options_.id),
      session_(random_number()),
      transport_(Context::shared(), dealer_options(options_)) {
  register_builtin_args();
}

void ClientCore::start() { transport_.start(shared_from_this()); }

void ClientCore::post(Command command) {
  {
    const std::lock_guard lock(commands_mutex_);
    if (stopped_) return;
    commands_.push_back(std::move(command));
  }
  transport_.wake();
}

Expected<std::shared_ptr<RemoteCore>> ClientCore::attach(AttachOptions options) {
  if (on_io_thread()) {
    throw Error(Errc::would_deadlock, "attach() on the I/O thread of its own connection");
  }
  options.timeout = checked_duration("timeout", options.timeout, Zero::allowed);
  check_id("the wanted machine's id", options.machine, Limits{}.id);
  const auto deadline = now() + options.timeout;
  const auto slot = std::make_shared<AttachSlot>();
  slot->options = std::move(options);
  const LinkId id = ++last_link_;
  post(OpenCommand{id, slot});
  std::unique_lock lock(slot->mutex);
  const bool answered = slot->changed.wait_until(
      lock, deadline, [&] { return slot->remote != nullptr || slot->error.has_value(); });
  if (slot->remote != nullptr) return slot->remote;
  if (answered) return *slot->error;
  slot->error = LinkError{LinkErrc::unreachable, "given up"};
  lock.unlock();
  post(CloseCommand{id});
  auto text =
      fmt::format("no server {} at {} within {} ms", connected_ ? "answered" : "could be reached",
                  options_.endpoint, slot->options.timeout.count());
  const std::lock_guard refusal_lock(commands_mutex_);
  if (!refusal_.empty()) text += ": " + refusal_;
  return LinkError{LinkErrc::unreachable, std::move(text)};
}

Result ClientCore::call(LinkId link, Op op, std::vector<StateIndex> called, Bytes args,
                        const MutationOptions& options, std::string& error) {
  const auto slot = std::make_shared<CallSlot>();
  const auto deadline = now() + options_.call_timeout;
  {
    const std::lock_guard lock(commands_mutex_);
    if (stopped_) return {Result::not_sent, Reason::link};
    commands_.push_back(
        CallCommand{link, op, std::move(called), std::move(args), deadline, expiry(options), slot});
  }
  transport_.await(slot->arrival, deadline + answer_grace);
  if (!slot->arrival.arrived()) return {Result::unknown, Reason::timeout};
  error = std::move(slot->error);
  return slot->result;
}

void ClientCore::call_async(LinkId link, Op op, std::vector<StateIndex> called, Bytes args,
                            const MutationOptions& options, Told told) {
  const auto slot = std::make_shared<CallSlot>();
  slot->told = std::move(told);
  const auto deadline = now() + options_.call_timeout;
  bool stopped = false;
  {
    const std::lock_guard lock(commands_mutex_);
    stopped = stopped_;
    if (!stopped) {
      commands_.push_back(CallCommand{link, op, std::move(called), std::move(args), deadline,
                                      expiry(options), slot});
    }
  }
  if (stopped) return answer(slot, {Result::not_sent, Reason::link}, "");
  transport_.wake();
}

void ClientCore::detach(LinkId link) { post(CloseCommand{link}); }

bool ClientCore::stop(std::chrono::milliseconds timeout) {
  if (on_io_thread()) {
    throw Error(Errc::would_deadlock,
                "a client cannot be stopped on its own I/O thread, where stop callbacks run: hand "
                "that to another thread");
  }
  const auto deadline = now() + checked_duration("timeout", timeout, Zero::allowed);
  post(StopCommand{});
  {
    std::unique_lock lock(stop_mutex_);
    stop_changed_.wait_until(lock, deadline, [&] { return said_bye_; });
  }
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - now());
  return transport_.stop(std::max(left, std::chrono::milliseconds{1}));
}

ConnectionTraffic ClientCore::traffic() const {
  const auto counters = transport_.counters();
  return {counters.frames_in, counters.frames_out, counters.bytes_in, counters.bytes_out};
}

void ClientCore::log(const std::string& line) const {
  if (options_.log) options_.log(line);
}

// -- commands -------------------------------------------------------------------------------------

void ClientCore::on_wake() {
  {
    const std::lock_guard lock(commands_mutex_);
    running_.swap(commands_);
  }
  for (auto& command : running_) {
    std::visit([&](auto& c) { run(c); }, command);
  }
  running_.clear();
}

ClientLinkOptions ClientCore::link_options(const AttachOptions& options) const {
  ClientLinkOptions link;
  link.limits.frame = options_.max_frame_bytes;
  link.limits.states = options_.max_states;
  link.limits.pending_calls = options_.max_pending_calls;
  link.client_id = id_;
  link.machine_id = options.machine;
  link.session = session_;
  link.handshake_timeout = options.timeout;
  if (options.schema) {
    link.known_fingerprint = options.schema->fingerprint();
    link.known_states = options.schema->size();
  }
  return link;
}

void ClientCore::run(OpenCommand& command) {
  auto& link = links_[command.link];
  link = std::make_unique<Link>(command.link, link_options(command.slot->options));
  link->attaching = std::move(command.slot);
  if (!connected_) {  // `on_connected` starts it
    // Who asks now shall learn whether it is still so, not wait for the next attempt.
    if (refused_) transport_.reconnect();
    return;
  }
  link->link.start({}, now(), effects_);
  after(*link);
}

void ClientCore::run(CallCommand& command) {
  const auto found = links_.find(command.link);
  if (found == links_.end()) {
    answer(command.slot, {Result::not_sent, Reason::link}, "");
    return;
  }
  if (command.expires != no_deadline && now() > command.expires) {
    answer(command.slot, {Result::not_sent, Reason::expired}, "");
    return;
  }
  auto& link = *found->second;
  const auto request =
      link.link.mutate(command.op, command.called, command.args, command.deadline, effects_);
  // Before its answer is handled, which may be among the effects already.
  link.calls.emplace(request, std::move(command.slot));
  after(link);
}

void ClientCore::run(CloseCommand& command) {
  const auto found = links_.find(command.link);
  if (found == links_.end()) return;
  found->second->link.close(ByeCode::closing, effects_);
  after(*found->second);
  erase(command.link);
}

void ClientCore::run(StopCommand&) {
  std::vector<Command> left;
  {
    const std::lock_guard lock(commands_mutex_);
    stopped_ = true;
    left.swap(commands_);
  }
  for (auto& command : left) {
    if (auto* call = std::get_if<CallCommand>(&command)) {
      answer(call->slot, {Result::not_sent, Reason::link}, "");
    }
  }
  while (!links_.empty()) {
    auto& link = *links_.begin()->second;
    if (link.remote != nullptr) link.remote->end(Ended::disposed, "the client was stopped");
    fail(link, {LinkErrc::stopped, "the client was stopped"});
    const auto id = link.link.id();
    link.link.close(ByeCode::closing, effects_);
    after(link);
    erase(id);
  }
  {
    const std::lock_guard lock(stop_mutex_);
    said_bye_ = true;
  }
  stop_changed_.notify_all();
}

// -- the connection
// ---------------------------------------------------------------------------------

void ClientCore::on_connected() {
  connected_ = true;
  refused_ = false;
  {
    const std::lock_guard lock(commands_mutex_);
    refusal_.clear();
  }
  for (auto& [id, link] : links_) {
    if (link->link.state() != ClientLink::State::idle) continue;
    link->link.start({}, now(), effects_);
    send_frames();
    schedule(*link);
  }
}

void ClientCore::on_disconnected() {
  connected_ = false;
  std::vector<LinkId> ids;
  for (const auto& [id, link] : links_) ids.push_back(id);
  for (const auto id : ids) {
    auto& link = *links_.at(id);
    if (link.attaching != nullptr) {
      // Still within the patience of its caller: a new link tries again once connected.
      const auto slot = std::move(link.attaching);
      erase(id);
      auto& again = links_[id];
      again = std::make_unique<Link>(id, link_options(slot->options));
      again->attaching = slot;
      continue;
    }
    link.link.abandon(fmt::format("the connection to {} was lost", options_.endpoint), effects_);
    after(link);
  }
}

void ClientCore::on_refused(Refusal refusal, std::string_view why) {
  bool news = false;
  {
    const std::lock_guard lock(commands_mutex_);
    news = std::exchange(refusal_, std::string{why}) != why;
  }
  if (news) log(fmt::format("{}: {}", options_.endpoint, why));
  refused_ = true;
  if (refusal != Refusal::certain) return;
  std::vector<LinkId> waiting;
  for (const auto& [id, link] : links_) {
    if (link->attaching != nullptr) waiting.push_back(id);
  }
  for (const auto id : waiting) {
    fail(*links_.at(id), {LinkErrc::refused, fmt::format("{}: {}", options_.endpoint, why)});
    erase(id);
  }
}

void ClientCore::on_frame(FrameView frame) {
  const auto head = peek(frame);
  const auto found = head ? links_.find(head->link) : links_.end();
  if (found == links_.end())
    return;  // of a link that was closed here while the frame was under way
  found->second->link.on_frame(frame, now(), effects_);
  after(*found->second);
}

TransportTime ClientCore::next_deadline() {
  return deadlines_.empty() ? no_deadline : deadlines_.begin()->first;
}

void ClientCore::on_deadline(TransportTime time) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= time) {
    const auto id = deadlines_.begin()->second;
    const auto found = links_.find(id);
    if (found == links_.end()) {
      deadlines_.erase(deadlines_.begin());
      continue;
    }
    found->second->link.poll(time, effects_);
    after(*found->second);
  }
}

// -- what links tell
// -----------------------------------------------------------------------------------

/// Does what a link wants after any of its methods was called. The link may be gone afterwards.
void ClientCore::after(Link& link) {
  for (auto& event : effects_.events) {
    std::visit([&](auto& e) { handle(link, e); }, event);
  }
  effects_.events.clear();
  effects_.changed.clear();
  send_frames();
  if (link.remote != nullptr) {
    const auto& stats = link.link.stats();
    link.remote->set_traffic({.mutations = stats.requests,
                              .replies = stats.replies,
                              .pushes = stats.pushes,
                              .resyncs = stats.resyncs,
                              .bytes_in = stats.bytes_in,
                              .bytes_out = stats.bytes_out});
  }
  if (link.link.state() == ClientLink::State::closed) {
    erase(link.link.id());
  } else {
    schedule(link);
  }
}

void ClientCore::send_frames() {
  for (std::size_t i = 0; i < effects_.frames.size(); ++i) {
    const auto status = transport_.send(effects_.frames[i]);
    if (status == SendStatus::sent) continue;
    // A request that is left out would wait for its deadline; a new connection tells all sides.
    if (status != SendStatus::peer_gone) {
      log(fmt::format("{}: starting over, {}", options_.endpoint, to_string(status)));
      transport_.reconnect();
    }
    break;
  }
  effects_.frames.clear();
}

void ClientCore::handle(Link& link, LinkOpened& opened) {
  const auto slot = std::move(link.attaching);
  if (slot == nullptr) return;
  const auto& options = slot->options;
  std::optional<CompiledSchema> schema;
  if (!opened.schema) {
    schema = options.schema;
  } else if (options.schema && options.require_same_schema) {
    link.attaching = slot;
    fail(link,
         {LinkErrc::schema, fmt::format("machine \"{}\" has another schema than the one that is "
                                        "known here",
                                        opened.machine_id)});
  } else {
    try {
      schema.emplace(*opened.schema);
    } catch (const Error& error) {
      link.attaching = slot;
      fail(link, {LinkErrc::schema, error.what()});
    }
  }
  if (!schema) {
    post(CloseCommand{link.link.id()});
    return;
  }
  link.remote =
      std::make_shared<RemoteCore>(opened.machine_id, *schema, shared_from_this(), link.link.id());
  link.remote->set_epoch(opened.epoch);
  std::vector<StateIndex> all(schema->size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<StateIndex>(i);
  link.remote->apply(link.link.clocks(), all);
  bool wanted = false;
  {
    const std::lock_guard lock(slot->mutex);
    wanted = !slot->error;
    if (wanted) slot->remote = link.remote;
    slot->changed.notify_all();
  }
  if (!wanted) post(CloseCommand{link.link.id()});
}

void ClientCore::handle(Link& link, const ClocksChanged&) {
  if (link.remote != nullptr) link.remote->apply(link.link.clocks(), effects_.changed);
}

void ClientCore::handle(Link& link, Replied& replied) {
  const auto found = link.calls.find(replied.request);
  if (found != link.calls.end()) {
    answer(found->second, replied.result, std::move(replied.error));
    link.calls.erase(found);
  }
}

void ClientCore::handle(Link& link, const ProblemReported& problem) {
  log(fmt::format("{} link {}: the server reports {}: {}", options_.endpoint, link.link.id(),
                  to_string(problem.code), problem.text));
}

void ClientCore::handle(Link& link, LinkClosed& closed) {
  std::string text = closed.text.empty() ? to_string(closed.reason) : closed.text;
  if (closed.reason == CloseReason::bye) {
    text = fmt::format("the server ended the link: {}", to_string(closed.bye));
  }
  if (closed.reason != CloseReason::local) {
    log(fmt::format("{} link {}: ended, {}: {}", options_.endpoint, link.link.id(),
                    to_string(closed.reason), text));
  }
  fail(link, {link_errc(closed.reason), text});
  if (link.remote == nullptr) return;
  const bool gone = closed.reason == CloseReason::bye && closed.bye == ByeCode::machine_gone;
  link.remote->end(gone ? Ended::disposed : Ended::unknown, text);
}

void ClientCore::schedule(Link& link) {
  const auto deadline = link.link.next_deadline();
  if (deadline == link.scheduled) return;
  if (link.scheduled != no_deadline) deadlines_.erase({link.scheduled, link.link.id()});
  if (deadline != no_deadline) deadlines_.insert({deadline, link.link.id()});
  link.scheduled = deadline;
}

void ClientCore::erase(LinkId id) {
  const auto found = links_.find(id);
  if (found == links_.end()) return;
  auto& link = *found->second;
  if (link.scheduled != no_deadline) deadlines_.erase({link.scheduled, id});
  for (auto& [request, slot] : link.calls) answer(slot, {Result::unknown, Reason::link}, "");
  links_.erase(found);
}

void ClientCore::answer(const std::shared_ptr<CallSlot>& slot, Result result, std::string error) {
  if (slot->told) return slot->told(result, std::move(error));
  slot->result = result;
  slot->error = std::move(error);
  slot->arrival.arrive();
}

/// Tells the thread that waits for the link to open, if one still does.
void ClientCore::fail(Link& link, LinkError error) {
  const auto slot = std::move(link.attaching);
  if (slot == nullptr) return;
  const std::lock_guard lock(slot->mutex);
  if (!slot->error) slot->error = std::move(error);
  slot->changed.notify_all();
}

}  // namespace am::rpc::internal
