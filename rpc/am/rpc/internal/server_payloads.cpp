#include <am/rpc/internal/server_payloads.hpp>

#include <am/detail/deadline.hpp>
#include <am/error.hpp>
#include <am/rpc/arg_types.hpp>
#include <am/rpc/internal/check_options.hpp>
#include <am/rpc/internal/transfer_args.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace am::rpc::internal {

namespace {

/// What the encoded values of one payload may come to.
constexpr std::size_t most_value_bytes = std::size_t{1} << 30U;

/// Tells whoever waits. Never on this thread, which serves all links.
void tell(const std::shared_ptr<detail::PendingState<Delivery>>& pending, Delivery delivery) {
  completion_executor()->post(
      [pending, delivery = std::move(delivery)]() mutable { pending->end(std::move(delivery)); });
}

}  // namespace

TransferRequest transfer_request(Payload payload, const PayloadOptions& options) {
  check_id("the name of a payload", payload.name, max_payload_name);
  check_id("the encoding of a payload", payload.encoding, max_payload_name);
  const auto timeout = checked_duration("timeout", options.timeout, Zero::allowed);
  TransferRequest request;
  request.ack = options.ack == PayloadAck::accepted ? AckLevel::accepted : AckLevel::received;
  request.stall_timeout = checked_duration("stall_timeout", options.stall_timeout, Zero::refused);
  if (timeout.count() > 0) {
    request.deadline = detail::deadline_after(std::chrono::steady_clock::now(), timeout);
  }
  request.name = std::move(payload.name);
  request.encoding = std::move(payload.encoding);
  request.source = std::move(payload.source);
  if (request.source != nullptr) return request;
  if (!payload.args.empty()) {
    request.encoding = args_encoding;
    payload.data = ArgTypes::global().encode(payload.args, {.bytes = most_value_bytes});
  }
  request.source = std::make_shared<BytesSource>(std::move(payload.data));
  return request;
}

// -- any thread -------------------------------------------------------------------------------

bool ServerPayloads::send(const std::string& machine, Payload payload,
                          const PayloadOptions& options, Pending pending) {
  auto request = transfer_request(std::move(payload), options);
  std::string why;
  {
    const std::lock_guard lock(mutex_);
    // Those who are here count before those who may come back.
    std::optional<Token> found;
    std::size_t count = 0;
    bool connected = false;
    for (const auto& [token, target] : targets_) {
      if (!target.opened.takes || target.opened.machine != machine) continue;
      if (!options.client.empty() && target.opened.client != options.client) continue;
      if (connected && !target.connected) continue;
      if (target.connected && !std::exchange(connected, true)) count = 0;
      found = token;
      ++count;
    }
    if (stopped_) {
      why = "the server was stopped";
    } else if (count == 1) {
      commands_.push_back({*found, std::move(request), std::move(pending)});
      return true;
    } else if (count > 1) {
      why =
          fmt::format("{} links are open to \"{}\": say which client is meant, by an id of its own",
                      count, machine);
    } else if (options.client.empty()) {
      why = fmt::format("no client that takes payloads is attached to \"{}\"", machine);
    } else {
      why = fmt::format("no client \"{}\" that takes payloads is attached to \"{}\"",
                        options.client, machine);
    }
  }
  tell(pending, {Delivery::Kind::not_sent, std::move(why)});
  return false;
}

// -- sessions and their links -----------------------------------------------------------------

Admission ServerPayloads::admit(Token token, const TransferInfo& info) const {
  if (info.kind != TransferKind::arguments) {
    return {TransferCode::unknown, "only arguments are taken here", {}};
  }
  if (!targets_.at(token).opened.may_mutate) {
    return {TransferCode::rejected, "this client may read, and not mutate", {}};
  }
  std::uint64_t memory = 0;
  for (const auto& [other, session] : sessions_) memory += session->receiver.memory();
  if (info.size >
      limits_.argument_memory - std::min<std::uint64_t>(memory, limits_.argument_memory)) {
    return {TransferCode::not_now, "too many arguments are on their way", {}};
  }
  return {};
}

/// The transfers of a session; null when there can be none.
ServerPayloads::Session* ServerPayloads::find_or_make(Token token, TimePoint now) {
  const auto found = sessions_.find(token);
  if (found != sessions_.end()) return found->second.get();
  const auto target = targets_.find(token);
  if (target == targets_.end() || !target->second.opened.takes) return nullptr;
  ReceiverLimits receiver;
  receiver.bytes = receiver.memory = limits_.argument_bytes;
  receiver.stall_timeout = limits_.stall_timeout;
  auto& session = sessions_[token];
  session = std::make_unique<Session>(
      limits_.frames, receiver,
      [this, token](const TransferInfo& info) { return admit(token, info); });
  if (target->second.connected) {
    const auto& opened = target->second.opened;
    session->peer = opened.peer;
    session->receiver.link_opened(opened.link);
    session->sender.link_opened(opened.link, opened.pack, now, sending());
  }
  return session.get();
}

void ServerPayloads::link_accepted(Opened opened) {
  link_closed(opened.session);  // it may have had another one
  const Token token = opened.session;
  const std::lock_guard lock(mutex_);
  targets_[token] = {std::move(opened), true};
}

void ServerPayloads::link_opened(Token token, TimePoint now) {
  const auto target = targets_.find(token);
  const auto found = sessions_.find(token);
  if (target == targets_.end() || found == sessions_.end()) return;
  const auto& opened = target->second.opened;
  auto& session = *found->second;
  session.peer = opened.peer;
  session.receiver.link_opened(opened.link);
  session.sender.link_opened(opened.link, opened.pack, now, sending());
  settle(token, session, now);
}

void ServerPayloads::link_closed(Token token) {
  const auto target = targets_.find(token);
  if (target != targets_.end() && target->second.connected) {
    const std::lock_guard lock(mutex_);
    target->second.connected = false;
  }
  const auto found = sessions_.find(token);
  if (found == sessions_.end() || !found->second->peer) return;
  auto& session = *found->second;
  session.sender.link_closed();
  session.receiver.link_closed();
  const auto peer = *std::exchange(session.peer, std::nullopt);
  const auto turns = turns_.find(peer);
  if (turns != turns_.end()) turns->second.remove(token);
  schedule(token, session);
  pump(peer);
}

void ServerPayloads::session_ended(Token token) {
  link_closed(token);
  {
    const std::lock_guard lock(mutex_);
    targets_.erase(token);
  }
  const auto found = sessions_.find(token);
  if (found == sessions_.end()) return;
  const auto session = std::move(found->second);
  sessions_.erase(found);
  deadlines_.set(token, session->scheduled, TimePoint::max());
  for (const auto& [transfer, pending] : session->pending) {
    tell(pending, {Delivery::Kind::link_lost, "the client is gone"});
  }
}

std::size_t ServerPayloads::sessions() const { return targets_.size(); }

void ServerPayloads::sweep(const std::function<bool(Token)>& alive) {
  std::vector<Token> ended;
  for (const auto& [token, target] : targets_) {
    if (!alive(token)) ended.push_back(token);
  }
  for (const auto token : ended) session_ended(token);
}

void ServerPayloads::stop() {
  std::vector<Command> left;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    left.swap(commands_);
  }
  for (const auto& command : left) {
    tell(command.pending, {Delivery::Kind::not_sent, "the server was stopped"});
  }
  sweep([](Token) { return false; });
}

// -- what happens -----------------------------------------------------------------------------

bool ServerPayloads::on_frame(Token token, ByteView frame, TimePoint now) {
  const auto decoded = decode_transfer(frame, limits_.frames);
  if (!decoded.ok()) return false;
  auto* const made = find_or_make(token, now);
  if (made == nullptr) return true;
  auto& session = *made;
  if (const auto* credit = std::get_if<Credit>(&decoded.message)) {
    session.sender.on_credit(*credit, now, sending());
  } else if (const auto* ack = std::get_if<Ack>(&decoded.message)) {
    session.sender.on_ack(*ack, now, sending());
  } else if (const auto* offer = std::get_if<Offer>(&decoded.message)) {
    session.receiver.on_offer(*offer, now, receiving());
  } else if (const auto* chunk = std::get_if<Chunk>(&decoded.message)) {
    session.receiver.on_chunk(*chunk, now, receiving());
  } else if (const auto* cancel = std::get_if<Cancel>(&decoded.message)) {
    session.receiver.on_cancel(*cancel);
    session.arguments.erase(cancel->transfer);
  }
  settle(token, session, now);
  return true;
}

/// Does what a session's transfers want after anything happened to them.
void ServerPayloads::settle(Token token, Session& session, TimePoint now) {
  for (auto& event : events_) {
    auto* arrived = std::get_if<TransferArrived>(&event);
    if (arrived == nullptr) continue;
    session.arguments[arrived->info.transfer] = {
        std::move(arrived->data), detail::deadline_after(now, limits_.stall_timeout)};
  }
  events_.clear();
  tell_ended(session);
  if (session.peer) {
    const auto peer = *session.peer;
    if (session.sender.empty()) {
      const auto turns = turns_.find(peer);
      if (turns != turns_.end()) turns->second.remove(token);
    } else {
      turns_[peer].add(token, session.sender);
    }
    if (!frames_.empty()) send_frames_(peer, frames_);
    pump(peer);
  }
  frames_.clear();
  schedule(token, session);
}

void ServerPayloads::tell_ended(Session& session) {
  for (auto& ended : ended_) {
    const auto pending = session.pending.find(ended.transfer);
    if (pending == session.pending.end()) continue;
    tell(pending->second, std::move(ended.delivery));
    session.pending.erase(pending);
  }
  ended_.clear();
}

/// Sends a chunk to a peer, if one is wanted and none is on its way.
void ServerPayloads::pump(std::uint64_t peer) {
  const auto turns = turns_.find(peer);
  if (turns == turns_.end()) return;
  while (const auto turn = turns->second.next()) {
    auto& session = *sessions_.at(turn->first);
    session.sender.send_chunk(sending());
    send_frames_(peer, frames_);
    frames_.clear();
    // A source that cannot be read has ended its transfer: the next one may go.
    tell_ended(session);
    if (session.sender.empty()) turns->second.remove(turn->first);
    schedule(turn->first, session);
  }
  if (turns->second.empty()) turns_.erase(turns);
}

std::optional<Bytes> ServerPayloads::take_arguments(Token token, TransferId transfer,
                                                    TimePoint now) {
  const auto found = sessions_.find(token);
  if (found == sessions_.end()) return std::nullopt;
  auto& session = *found->second;
  const auto at = session.arguments.find(transfer);
  if (at == session.arguments.end()) return std::nullopt;
  auto bytes = std::move(at->second.bytes);
  session.arguments.erase(at);
  session.receiver.decide(transfer, TransferCode::none, {}, {}, now, receiving());
  settle(token, session, now);
  return bytes;
}

void ServerPayloads::run_commands(TimePoint now) {
  std::vector<Command> commands;
  {
    const std::lock_guard lock(mutex_);
    if (commands_.empty()) return;
    commands.swap(commands_);
  }
  for (auto& command : commands) {
    auto* const made = find_or_make(command.session, now);
    if (made == nullptr) {
      tell(command.pending, {Delivery::Kind::not_sent, "the client is gone"});
      continue;
    }
    auto& session = *made;
    const auto transfer = session.sender.start(std::move(command.request), now, sending());
    if (transfer) {
      session.pending.emplace(*transfer, std::move(command.pending));
    } else {
      tell(command.pending,
           {Delivery::Kind::not_sent,
            fmt::format("{} payloads to this client are on their way", max_transfers)});
    }
    settle(command.session, session, now);
  }
}

void ServerPayloads::poll(TimePoint now) {
  while (const auto token = deadlines_.due(now)) {
    auto& session = *sessions_.at(*token);
    session.sender.poll(now, sending());
    session.receiver.poll(now, receiving());
    std::vector<TransferId> late;
    for (const auto& [transfer, arguments] : session.arguments) {
      if (arguments.expires <= now) late.push_back(transfer);
    }
    for (const auto transfer : late) {
      session.arguments.erase(transfer);
      session.receiver.decide(transfer, TransferCode::timeout, {}, {}, now, receiving());
    }
    settle(*token, session, now);
  }
}

void ServerPayloads::schedule(Token token, Session& session) {
  auto when = std::min(session.sender.next_deadline(), session.receiver.next_deadline());
  for (const auto& [transfer, arguments] : session.arguments) {
    when = std::min(when, arguments.expires);
  }
  deadlines_.set(token, session.scheduled, when);
}

}  // namespace am::rpc::internal
