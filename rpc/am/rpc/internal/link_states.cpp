#include <am/rpc/internal/link_states.hpp>

#include <am/error_info.hpp>
#include <am/executor.hpp>

#include <utility>

namespace am::rpc::internal {

namespace {

Schema client_schema() {
  return {{"Start"},
          {"Connecting", {.require = {"Start"}, .remove = {"Connected", "Disconnected"}}},
          {"Connected",
           {.require = {"Start"}, .remove = {"Connecting", "Disconnected", "RetryingConn"}}},
          {"Disconnected", {.remove = {"Connecting", "Connected"}}},
          {"RetryingConn", {.require = {"Start"}}},
          {"ConnRetryFailed"},
          {"Handshaking", {.require = {"Start", "Connected"}, .remove = {"HandshakeDone"}}},
          {"HandshakeDone",
           {.require = {"Start", "Connected"}, .remove = {"Handshaking", "ConnRetryFailed"}}},
          {"Ready", {.automatic = true, .require = {"HandshakeDone"}}},
          {"ErrNetwork", {.multi = true, .require = {"Exception"}}},
          {"ErrRpc", {.multi = true, .require = {"Exception"}}}};
}

Schema server_schema() {
  return {{"Start"},
          {"RpcReady", {.require = {"Start"}}},
          {"Ready", {.automatic = true, .require = {"RpcReady"}}},
          {"ClientConnected", {.multi = true, .require = {"RpcReady"}}},
          {"HasClients", {.require = {"RpcReady"}}},
          {"ErrRpc", {.multi = true, .require = {"Exception"}}}};
}

}  // namespace

// -- the reporter --------------------------------------------------------------------------------

StateReporter::StateReporter(Schema schema, std::string id)
    : machine_(std::make_shared<Machine>(std::move(schema), MachineOptions{.id = std::move(id)})) {}

void StateReporter::report(std::function<void(Machine&)> change) const {
  completion_executor()->post(
      [machine = machine_, change = std::move(change)] { change(*machine); });
}

// -- the client ----------------------------------------------------------------------------------

ClientStates::ClientStates(const std::string& client_id)
    : states_(client_schema(), "rpc-client-" + client_id) {}

void ClientStates::started() const {
  states_.report([](Machine& m) { m.add({"Start", "Connecting"}); });
}

void ClientStates::connected() {
  connected_ = true;
  states_.report([](Machine& m) {
    m.remove("Exception");
    m.add("Connected");
  });
}

void ClientStates::disconnected(const std::string& why) {
  if (!std::exchange(connected_, false)) return;
  stage_ = Stage::idle;
  states_.report([why](Machine& m) {
    m.add("Disconnected");
    m.add_error({why, "connection"}, {"ErrNetwork"});
    m.add({"RetryingConn", "Connecting"});
  });
}

void ClientStates::links(Links now) {
  if (!connected_) return;
  enter(now.all == 0 ? Stage::idle : now.open < now.all ? Stage::handshaking : Stage::done);
}

void ClientStates::enter(Stage stage) {
  if (std::exchange(stage_, stage) == stage) return;
  states_.report([stage](Machine& m) {
    switch (stage) {
      case Stage::idle: m.remove({"Handshaking", "HandshakeDone"}); break;
      case Stage::handshaking: m.add("Handshaking"); break;
      case Stage::done: m.add("HandshakeDone"); break;
    }
  });
}

void ClientStates::failed(const std::string& why) const {
  states_.report([why](Machine& m) {
    m.add_error({why, "link"}, {"ErrRpc"});
    m.add("ConnRetryFailed");
  });
}

void ClientStates::stopped() const {
  states_.report([](Machine& m) {
    m.remove("Start");
    m.add("Disconnected");
  });
}

// -- the server ----------------------------------------------------------------------------------

ServerStates::ServerStates(const std::string& endpoint)
    : states_(server_schema(), "rpc-server-" + endpoint) {}

void ServerStates::started() const {
  states_.report([](Machine& m) { m.add({"Start", "RpcReady"}); });
}

void ServerStates::link_opened(std::size_t links_open) {
  has_clients_ = links_open != 0;
  states_.report([](Machine& m) { m.add({"ClientConnected", "HasClients"}); });
}

void ServerStates::links_left(std::size_t links_open) {
  if (links_open != 0 || !std::exchange(has_clients_, false)) return;
  states_.report([](Machine& m) { m.remove({"ClientConnected", "HasClients"}); });
}

void ServerStates::broken(const std::string& why) const {
  states_.report([why](Machine& m) { m.add_error({why, "link"}, {"ErrRpc"}); });
}

void ServerStates::stopped() const {
  states_.report([](Machine& m) { m.remove("Start"); });
}

}  // namespace am::rpc::internal
