// Payloads and large arguments, as a server's links see them: on the I/O thread but for
// `send_payload`.
#include <am/error.hpp>
#include <am/rpc/internal/server_core.hpp>
#include <am/rpc/internal/transfer_args.hpp>

#include <fmt/format.h>

#include <utility>

namespace am::rpc::internal {

namespace {

TransportTime now() { return std::chrono::steady_clock::now(); }

}  // namespace

Pending<Delivery> ServerCore::send_payload(const Api& machine, Payload payload,
                                           const PayloadOptions& options) {
  const auto* exposed = find_exposed(machine.id());
  if (exposed == nullptr || exposed->source->machine().core() != machine.core()) {
    throw Error(Errc::invalid_argument,
                fmt::format("the machine \"{}\" is not exposed by this server", machine.id()));
  }
  auto state = std::make_shared<detail::PendingState<Delivery>>(machine.core());
  if (payloads_.send(machine.id(), std::move(payload), options, state)) transport_.wake();
  return Pending<Delivery>(std::move(state));
}

/// A link is open, and its welcome about to be sent.
void ServerCore::announce(Link& link) {
  link.announced = true;
  payloads_.link_accepted({.session = link.session,
                           .peer = static_cast<std::uint64_t>(link.peer),
                           .link = link.link.id(),
                           .client = std::move(link.client_id),
                           .machine = link.exposed->source->id(),
                           .takes = (link.features & feature_transfers) != 0,
                           .pack = (link.features & feature_packing) != 0,
                           .may_mutate = link.may_mutate});
}

void ServerCore::on_transfer(Link& link, ByteView frame) {
  if (!payloads_.on_frame(link.session, frame, now())) dismiss(link, ByeCode::malformed);
}

/// Gets the arguments of a mutation, its own or those that came before it. False when they are not
/// there: then it has been answered.
bool ServerCore::fetch_arguments(Link& link, const MutationReceived& mutation, Bytes& arguments) {
  const auto transfer = find_transferred_args(mutation.args);
  if (!transfer) {
    arguments.assign(mutation.args.begin(), mutation.args.end());
    return true;
  }
  auto found = payloads_.take_arguments(link.session, *transfer, now());
  if (found) {
    arguments = std::move(*found);
    return true;
  }
  counters_.denied.fetch_add(1, std::memory_order_relaxed);
  link.link.on_result(mutation.request, {Result::not_sent, Reason::link},
                      "its arguments are not there any more", clocks_of(link), std::nullopt, now(),
                      effects_);
  return false;
}

}  // namespace am::rpc::internal
