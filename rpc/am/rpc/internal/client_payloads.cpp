#include <am/rpc/internal/client_payloads.hpp>

#include <am/rpc/arg_types.hpp>
#include <am/rpc/internal/packing.hpp>
#include <am/rpc/internal/server_payloads.hpp>
#include <am/rpc/internal/transfer_args.hpp>

#include <algorithm>
#include <utility>

namespace am::rpc::internal {

// -- remote machines and their links ----------------------------------------------------------

void ClientPayloads::add(RemoteKey key, std::shared_ptr<const ConsumerOptions> options) {
  ReceiverLimits limits;
  limits.bytes = options->max_bytes;
  limits.memory = options->max_memory;
  limits.stall_timeout = options->stall_timeout;
  auto& remote = remotes_[key];
  remote = std::make_unique<Remote>(frame_limits_, limits, [this, key](const TransferInfo& info) {
    return admit(*remotes_.at(key), info);
  });
  remote->options = std::move(options);
}

Admission ClientPayloads::admit(const Remote& remote, const TransferInfo& info) const {
  const auto& options = *remote.options;
  if (info.kind != TransferKind::payload) {
    return {TransferCode::unknown, "only payloads are taken here", {}};
  }
  if (!options.consumer && !options.on_payload) {
    return {TransferCode::no_consumer, "the remote machine has no consumer", {}};
  }
  if (!options.open_sink) return {};
  return {TransferCode::none,
          {},
          options.open_sink({info.name, info.encoding, remote.machine, info.size})};
}

void ClientPayloads::link_opened(RemoteKey key, LinkId link, std::uint64_t session,
                                 std::uint64_t features, const std::string& machine,
                                 TimePoint now) {
  const auto found = remotes_.find(key);
  if (found == remotes_.end()) return;
  auto& remote = *found->second;
  link_closed(key);
  remote.machine = machine;
  if (session == 0 || session != remote.session) {
    remote.receiver.reset();
    remote.arrived.clear();
  }
  remote.session = session;
  remote.knows_transfers = (features & feature_transfers) != 0;
  if (!remote.knows_transfers) {
    remote.sender.end("the server does not know transfers", sending());
    return settle(key, remote, now);
  }
  remote.open = true;
  remote.receiver.link_opened(link);
  remote.sender.link_opened(link, (features & feature_packing) != 0, now, sending());
  settle(key, remote, now);
}

void ClientPayloads::link_closed(RemoteKey key) {
  const auto found = remotes_.find(key);
  if (found == remotes_.end() || !found->second->open) return;
  auto& remote = *found->second;
  remote.open = false;
  remote.sender.link_closed();
  remote.receiver.link_closed();
  turns_.remove(key);
  schedule(key, remote);
  pump();
}

void ClientPayloads::remove(RemoteKey key) {
  link_closed(key);
  const auto found = remotes_.find(key);
  if (found == remotes_.end()) return;
  auto& remote = *found->second;
  remote.sender.end("the link has ended", sending());
  collect_ended(remote);
  deadlines_.set(key, remote.scheduled, TimePoint::max());
  remotes_.erase(found);
}

// -- what happens -----------------------------------------------------------------------------

bool ClientPayloads::on_frame(RemoteKey key, ByteView frame, TimePoint now) {
  const auto found = remotes_.find(key);
  if (found == remotes_.end() || !found->second->open) return true;
  auto& remote = *found->second;
  const auto decoded = decode_transfer(frame, frame_limits_);
  if (!decoded.ok()) return false;
  if (const auto* offer = std::get_if<Offer>(&decoded.message)) {
    remote.receiver.on_offer(*offer, now, receiving());
  } else if (const auto* chunk = std::get_if<Chunk>(&decoded.message)) {
    remote.receiver.on_chunk(*chunk, now, receiving());
  } else if (const auto* cancel = std::get_if<Cancel>(&decoded.message)) {
    remote.receiver.on_cancel(*cancel);
    remote.arrived.erase(cancel->transfer);
  } else if (const auto* credit = std::get_if<Credit>(&decoded.message)) {
    remote.sender.on_credit(*credit, now, sending());
  } else if (const auto* ack = std::get_if<Ack>(&decoded.message)) {
    remote.sender.on_ack(*ack, now, sending());
  }
  settle(key, remote, now);
  return true;
}

void ClientPayloads::arrived(RemoteKey key, Remote& remote, TransferArrived& event, TimePoint now) {
  auto& kept = remote.arrived[event.info.transfer];
  if (kept == nullptr) {
    auto payload = std::make_shared<Payload>();
    payload->name = std::move(event.info.name);
    payload->encoding = std::move(event.info.encoding);
    payload->machine = remote.machine;
    payload->size = event.info.size;
    payload->sink = std::move(event.sink);
    if (payload->encoding == args_encoding && payload->sink == nullptr) {
      auto decoded = ArgTypes::global().decode(
          event.data, {.bytes = std::max<std::size_t>(event.data.size(), 1)});
      if (!decoded.ok()) {
        remote.arrived.erase(event.info.transfer);
        return remote.receiver.decide(event.info.transfer, TransferCode::unknown, decoded.error, {},
                                      now, receiving());
      }
      payload->args = std::move(decoded.args);
    } else {
      payload->data = std::move(event.data);
    }
    kept = std::move(payload);
  }
  consume(remote.options, kept,
          [bring = bring_, key, transfer = event.info.transfer,
           session = remote.session](Decision decision) {
            decision.session = session;
            bring(key, transfer, std::move(decision));
          });
}

void ClientPayloads::decide(RemoteKey key, TransferId transfer, const Decision& decision,
                            TimePoint now) {
  const auto found = remotes_.find(key);
  if (found == remotes_.end()) return;
  auto& remote = *found->second;
  if (decision.session != remote.session) return;
  remote.receiver.decide(transfer, decision.code, decision.text, decision.retry_after, now,
                         receiving());
  if (decision.code != TransferCode::not_now) remote.arrived.erase(transfer);
  settle(key, remote, now);
}

void ClientPayloads::send_arguments(RemoteKey key, Bytes arguments, TimePoint deadline,
                                    ArgumentsSent sent, TimePoint now) {
  const auto found = remotes_.find(key);
  const auto refuse = [&](std::string why) {
    told_.push_back({std::move(sent), {0, {Delivery::Kind::not_sent, std::move(why)}}});
  };
  if (found == remotes_.end()) return refuse("the link has ended");
  auto& remote = *found->second;
  if (remote.open && !remote.knows_transfers) {
    return refuse("the server does not take arguments of this size");
  }
  TransferRequest request;
  request.kind = TransferKind::arguments;
  request.ack = AckLevel::received;
  request.deadline = deadline;
  request.source = std::make_shared<BytesSource>(std::move(arguments));
  const auto transfer = remote.sender.start(std::move(request), now, sending());
  if (!transfer) return refuse("too many arguments are on their way");
  remote.arguments.emplace(*transfer, std::move(sent));
  settle(key, remote, now);
}

void ClientPayloads::collect_ended(Remote& remote) {
  for (auto& ended : ended_) {
    const auto at = remote.arguments.find(ended.transfer);
    if (at == remote.arguments.end()) continue;
    told_.push_back({std::move(at->second), std::move(ended)});
    remote.arguments.erase(at);
  }
  ended_.clear();
}

void ClientPayloads::tell() {
  while (!told_.empty()) {
    const auto all = std::exchange(told_, {});
    for (const auto& told : all) told.sent(told.ended.transfer, told.ended.delivery);
  }
}

/// Does what the transfers of a remote machine want after anything happened to them.
void ClientPayloads::settle(RemoteKey key, Remote& remote, TimePoint now) {
  for (std::size_t i = 0; i < events_.size(); ++i) {
    if (const auto* begun = std::get_if<TransferBegun>(&events_[i])) {
      announce(remote.options,
               {begun->info.name, begun->info.encoding, remote.machine, begun->info.size});
    } else if (auto* event = std::get_if<TransferArrived>(&events_[i])) {
      arrived(key, remote, *event, now);
    }
  }
  events_.clear();
  collect_ended(remote);
  if (!frames_.empty()) send_frames_(frames_);
  if (remote.open && !remote.sender.empty()) {
    turns_.add(key, remote.sender);
  } else {
    turns_.remove(key);
  }
  pump();
  schedule(key, remote);
}

/// Sends a chunk, if one is wanted and none is on its way.
void ClientPayloads::pump() {
  while (const auto turn = turns_.next()) {
    turn->second->send_chunk(sending());
    send_frames_(frames_);
    auto& remote = *remotes_.at(turn->first);
    collect_ended(remote);
    if (remote.sender.empty()) turns_.remove(turn->first);
    schedule(turn->first, remote);
  }
}

void ClientPayloads::poll(TimePoint now) {
  while (const auto key = deadlines_.due(now)) {
    auto& remote = *remotes_.at(*key);
    remote.sender.poll(now, sending());
    remote.receiver.poll(now, receiving());
    settle(*key, remote, now);
  }
}

void ClientPayloads::schedule(RemoteKey key, Remote& remote) {
  deadlines_.set(key, remote.scheduled,
                 std::min(remote.sender.next_deadline(), remote.receiver.next_deadline()));
}

}  // namespace am::rpc::internal
