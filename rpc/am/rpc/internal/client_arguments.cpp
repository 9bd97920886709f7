// Arguments that are too large for a frame: sent ahead of their mutation, on the I/O thread.
#include <am/rpc/internal/client_core.hpp>
#include <am/rpc/internal/transfer_args.hpp>

#include <algorithm>
#include <string>
#include <utility>

namespace am::rpc::internal {

namespace {

TransportTime now() { return std::chrono::steady_clock::now(); }

/// What the failed delivery of its arguments means for a mutation that was therefore not sent.
Reason reason_of(const Delivery& delivery) noexcept {
  switch (delivery.kind) {
    case Delivery::Kind::timeout: return Reason::timeout;
    case Delivery::Kind::link_lost: return Reason::link;
    default: return Reason::denied;
  }
}

}  // namespace

/// Sends the arguments of a call first, if they have to be; the call follows when they have
/// arrived. False when there is nothing to send first.
bool ClientCore::arguments_first(Remote& remote, CallCommand& command) {
  const std::size_t inside = std::min(Limits{}.args, options_.max_frame_bytes / 2);
  if (command.call.args.size() <= inside) return false;
  if (remote.session.link().state() != ClientLink::State::open &&
      remote.when_down == DownPolicy::fail) {
    answer(command.slot, {Result::not_sent, Reason::link}, "there is no link");
    return true;
  }
  auto arguments = std::move(command.call.args);
  const auto deadline = std::min(command.call.deadline, command.call.expires);
  // Shared, as functions have to be copyable.
  const auto waiting = std::make_shared<CallCommand>(std::move(command));
  payloads_.send_arguments(
      remote.id, std::move(arguments), deadline,
      [this, waiting](TransferId transfer, const Delivery& delivery) {
        if (delivery != Delivery::Kind::delivered) {
          return answer(waiting->slot, {Result::not_sent, reason_of(delivery)}, delivery.text);
        }
        waiting->call.args = transferred_args(transfer);
        run(*waiting);
      },
      now());
  return true;
}

}  // namespace am::rpc::internal
