#include <am/rpc/server.hpp>

#include <am/rpc/internal/server_core.hpp>

#include <thread>
#include <utility>

namespace am::rpc {

Server::Server(ServerOptions options)
    : core_(std::make_shared<internal::ServerCore>(std::move(options))) {
  core_->start();
}

Server::Server(const Api& source, ServerOptions options, const ExposeOptions& expose)
    : core_(std::make_shared<internal::ServerCore>(std::move(options))) {
  core_->expose(source, expose);
  core_->start();
}

Server::Server(Server&&) noexcept = default;

Server& Server::operator=(Server&& other) noexcept {
  std::swap(core_, other.core_);
  return *this;
}

Server::~Server() {
  if (core_ == nullptr) return;
  if (core_->on_io_thread()) {
    // In a handler of a remote mutation: the thread cannot wait for its own end.
    std::thread([core = core_] { core->stop(std::nullopt, std::chrono::seconds{2}); }).detach();
  } else {
    core_->stop(std::nullopt, std::chrono::seconds{2});
  }
}

void Server::expose(const Api& source, const ExposeOptions& options) {
  core_->expose(source, options);
}
void Server::allow_clients(std::vector<AllowedClient> clients) {
  core_->allow_clients(std::move(clients));
}
Pending<Delivery> Server::send_payload(const Api& machine, Payload payload,
                                       const PayloadOptions& options) {
  return core_->send_payload(machine, std::move(payload), options);
}
const std::string& Server::endpoint() const noexcept { return core_->endpoint(); }
ServerStats Server::stats() const { return core_->stats(); }
Machine& Server::machine() const noexcept { return core_->machine(); }
bool Server::stop(std::chrono::milliseconds timeout) { return core_->stop(std::nullopt, timeout); }
bool Server::stop(Restarting restarting, std::chrono::milliseconds timeout) {
  return core_->stop(restarting, timeout);
}

}  // namespace am::rpc
