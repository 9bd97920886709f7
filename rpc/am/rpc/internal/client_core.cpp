#include <am/rpc/internal/client_core.hpp>

#include <am/detail/deadline.hpp>
#include <am/error.hpp>
#include <am/internal/lost_lines.hpp>
#include <am/rpc/internal/builtin_args.hpp>
#include <am/rpc/internal/check_options.hpp>
#include <am/rpc/internal/packing.hpp>
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
  dealer.reconnect_min = options.retry_delay;
  dealer.reconnect_max = options.retry_delay_max;
  dealer.connect_timeout = options.connect_timeout;
  dealer.heartbeat_interval = options.heartbeat_interval;
  dealer.heartbeat_timeout = options.heartbeat_timeout;
  // One turn may bring a frame of every link and of every thread that calls.
  dealer.limits.send_queue = 100'000;
  if (options.security) {
    dealer.key = options.security->key;
    dealer.server_key = options.security->server;
  }
  return dealer;
}

Limits payload_limits(const ClientOptions& options) {
  Limits limits;
  limits.frame = options.max_frame_bytes;
  return limits;
}

ClientOptions checked(ClientOptions options) {
  options.call_timeout = checked_duration("call_timeout", options.call_timeout, Zero::refused);
  options.retry_delay = checked_duration("retry_delay", options.retry_delay, Zero::refused);
  options.retry_delay_max =
      std::max(options.retry_delay,
               checked_duration("retry_delay_max", options.retry_delay_max, Zero::allowed));
  options.give_up_after = checked_duration("give_up_after", options.give_up_after, Zero::allowed);
  options.connect_timeout =
      checked_duration("connect_timeout", options.connect_timeout, Zero::refused);
  options.handshake_timeout =
      checked_duration("handshake_timeout", options.handshake_timeout, Zero::refused);
  check_heartbeat(options.heartbeat_interval, options.heartbeat_timeout);
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

/// How much longer than its deadline a caller waits for the I/O thread to say what became of it.
constexpr std::chrono::milliseconds answer_grace{250};

constexpr const char* stopped_text = "the client was stopped";

}  // namespace

// -- any thread ---------------------------------------------------------------------------------

ClientCore::ClientCore(ClientOptions options)
    : options_(checked(std::move(options))),
      id_(options_.id.empty() ? random_id() : options_.id),
      transport_(Context::shared(), dealer_options(options_)),
      payloads_(payload_limits(options_), [this](Outbox& frames) { send_frames(frames); }),
      states_(id_) {
  register_builtin_args();
}

void ClientCore::start() {
  states_.started();
  payloads_.bring_with(
      [weak = weak_from_this()](RemoteId remote, TransferId transfer, Decision decision) {
        if (const auto self = weak.lock()) {
          self->post(DecideCommand{remote, transfer, std::move(decision)});
        }
      });
  transport_.start(shared_from_this());
}

bool ClientCore::post(Command command) {
  {
    const std::lock_guard lock(commands_mutex_);
    if (stopped_) return false;
    commands_.push_back(std::move(command));
  }
  transport_.wake();
  return true;
}

Expected<std::shared_ptr<RemoteCore>> ClientCore::attach(AttachOptions options) {
  if (on_io_thread()) {
    throw Error(Errc::would_deadlock, "attach() on the I/O thread of its own connection");
  }
  options.timeout = checked_duration("timeout", options.timeout, Zero::allowed);
  check_id("the wanted machine's id", options.machine, Limits{}.id);
  check_consumer(options.payloads);
  const auto deadline = now() + options.timeout;
  const auto slot = std::make_shared<AttachSlot>();
  slot->options = std::move(options);
  const RemoteId id = ++last_link_;
  if (!post(OpenCommand{id, slot})) return LinkError{LinkErrc::stopped, stopped_text};
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

ClientCore::CallCommand ClientCore::call_command(RemoteId remote, Op op,
                                                 std::vector<StateIndex> called, Bytes args,
                                                 const MutationOptions& options,
                                                 std::shared_ptr<CallSlot> slot) const {
  CallCommand command;
  command.remote = remote;
  command.call.op = op;
  command.call.called = std::move(called);
  command.call.args = std::move(args);
  const auto time = now();
  command.call.deadline = time + options_.call_timeout;
  if (options.ttl > Duration{}) {
    command.call.expires = detail::deadline_after(time, options.ttl.get());
  }
  command.slot = std::move(slot);
  return command;
}

Result ClientCore::call(RemoteId remote, Op op, std::vector<StateIndex> called, Bytes args,
                        const MutationOptions& options, std::string& error) {
  const auto slot = std::make_shared<CallSlot>();
  auto command = call_command(remote, op, std::move(called), std::move(args), options, slot);
  const auto deadline = command.call.deadline;
  {
    const std::lock_guard lock(commands_mutex_);
    if (stopped_) return {Result::not_sent, Reason::link};
    commands_.push_back(std::move(command));
  }
  transport_.await(slot->arrival, deadline + answer_grace);
  if (!slot->arrival.arrived()) return {Result::unknown, Reason::timeout};
  error = std::move(slot->error);
  return slot->result;
}

void ClientCore::call_async(RemoteId remote, Op op, std::vector<StateIndex> called, Bytes args,
                            const MutationOptions& options, Told told) {
  const auto slot = std::make_shared<CallSlot>();
  slot->told = std::move(told);
  auto command = call_command(remote, op, std::move(called), std::move(args), options, slot);
  bool stopped = false;
  {
    const std::lock_guard lock(commands_mutex_);
    stopped = stopped_;
    if (!stopped) commands_.push_back(std::move(command));
  }
  if (stopped) return answer(slot, {Result::not_sent, Reason::link}, "");
  transport_.wake();
}

std::string ClientCore::choose(RemoteId remote, SyncOptions choice) {
  const auto slot = std::make_shared<ChoiceSlot>();
  if (!post(ChooseCommand{remote, std::move(choice), slot})) return stopped_text;
  std::unique_lock lock(slot->mutex);
  if (!slot->changed.wait_for(lock, options_.call_timeout,
                              [&] { return slot->error.has_value(); })) {
    return "no answer in time";
  }
  return *slot->error;
}

void ClientCore::detach(RemoteId remote) { post(CloseCommand{remote}); }

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
  if (options_.log) am::internal::write_line([&] { options_.log(line); });
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
  payloads_.tell();
}

ClientSessionOptions ClientCore::session_options(const AttachOptions& options) const {
  ClientSessionOptions session;
  auto& link = session.link;
  link.limits.frame = options_.max_frame_bytes;
  link.limits.states = options_.max_states;
  link.limits.pending_calls = options_.max_pending_calls;
  link.features = feature_transfers | feature_waits | feature_errors |
                  (options_.compress ? feature_packing : 0);
  link.client_id = id_;
  link.machine_id = options.machine;
  link.session = random_number();
  link.handshake_timeout = options.timeout;
  if (options.schema) {
    link.known_fingerprint = options.schema->fingerprint();
    link.known_states = options.schema->size();
  }
  link.sync = options.sync;
  switch (options_.reconnect) {
    case Reconnect::never: session.resume = Resume::never; break;
    case Reconnect::when_lost: session.resume = Resume::when_lost; break;
    case Reconnect::always: session.resume = Resume::always; break;
  }
  session.first_pause = options_.retry_delay;
  session.longest_pause = options_.retry_delay_max;
  session.give_up_after = options_.give_up_after;
  session.handshake_timeout = options_.handshake_timeout;
  return session;
}

void ClientCore::run(OpenCommand& command) {
  if (said_bye_) return fail(*command.slot, {LinkErrc::stopped, stopped_text});
  const auto& options = command.slot->options;
  auto& remote = remotes_[command.remote];
  remote = std::make_unique<Remote>(command.remote, session_options(options), random_number());
  remote->same_schema = options.require_same_schema;
  remote->when_down = options.when_down.value_or(options_.when_down) == WhenDown::wait
                          ? DownPolicy::wait
                          : DownPolicy::fail;
  payloads_.add(command.remote, std::make_shared<const ConsumerOptions>(options.payloads));
  remote->attaching = std::move(command.slot);
  set_open(*remote, false);
  if (connected_) {
    greet(*remote);
  } else if (refused_) {
    // Who asks now shall learn whether it is still so, not wait for the next attempt.
    transport_.reconnect();
  }
}

void ClientCore::run(CallCommand& command) {
  const auto found = remotes_.find(command.remote);
  if (found == remotes_.end()) {
    answer(command.slot, {Result::not_sent, Reason::link}, "");
    return;
  }
  if (command.call.expires != no_deadline && now() > command.call.expires) {
    answer(command.slot, {Result::not_sent, Reason::expired}, "");
    return;
  }
  auto& remote = *found->second;
  command.call.when_down = remote.when_down;
  if (arguments_first(remote, command)) return;
  const auto request = remote.session.link().mutate(std::move(command.call), effects_);
  // Before its answer is handled, which may be among the effects already.
  remote.calls.add(request, std::move(command.slot));
  after(remote);
}

void ClientCore::run(ChooseCommand& command) {
  const auto found = remotes_.find(command.remote);
  if (found == remotes_.end()) return answer(command.slot, "the link has ended");
  auto& remote = *found->second;
  if (remote.choosing != nullptr) {
    return answer(command.slot, "another choice waits for its answer");
  }
  remote.choosing = std::move(command.slot);
  remote.session.link().choose(std::move(command.choice), effects_);
  after(remote);
}

void ClientCore::run(CloseCommand& command) {
  const auto found = remotes_.find(command.remote);
  if (found == remotes_.end()) return;
  auto& remote = *found->second;
  end(remote, Ended::disposed, LinkErrc::stopped, "detached");
  after(remote);
}

void ClientCore::run(DecideCommand& command) {
  payloads_.decide(command.remote, command.transfer, command.decision, now());
}

void ClientCore::run(StopCommand&) {
  if (said_bye_) return;
  std::vector<Command> left;
  {
    const std::lock_guard lock(commands_mutex_);
    stopped_ = true;
    left.swap(commands_);
  }
  while (!remotes_.empty()) {
    auto& remote = *remotes_.begin()->second;
    end(remote, Ended::disposed, LinkErrc::stopped, stopped_text);
    after(remote);
  }
  states_.stopped();
  payloads_.tell();
  {
    const std::lock_guard lock(stop_mutex_);
    said_bye_ = true;
  }
  stop_changed_.notify_all();
  // They find no remote machine, and who waits for them is told so.
  for (auto& command : left) std::visit([&](auto& c) { run(c); }, command);
}

void ClientCore::answer(const std::shared_ptr<CallSlot>& slot, Result result, std::string error) {
  if (slot->told) return slot->told(result, std::move(error));
  slot->result = result;
  slot->error = std::move(error);
  slot->arrival.arrive();
}

}  // namespace am::rpc::internal
