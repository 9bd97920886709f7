#include <am/rpc/client.hpp>

#include <am/rpc/internal/client_core.hpp>
#include <am/rpc/internal/remote_core.hpp>

#include <thread>
#include <utility>

namespace am::rpc {

const char* to_string(LinkErrc code) noexcept {
  switch (code) {
    case LinkErrc::unreachable: return "unreachable";
    case LinkErrc::refused: return "refused";
    case LinkErrc::lost: return "lost";
    case LinkErrc::protocol: return "protocol";
    case LinkErrc::schema: return "schema";
    case LinkErrc::stopped: return "stopped";
  }
  return "?";
}

// -- the remote machine -----------------------------------------------------------------------

namespace {

internal::RemoteCore& remote(const std::shared_ptr<detail::Core>& core) {
  return static_cast<internal::RemoteCore&>(*core);
}

}  // namespace

RemoteMachine::RemoteMachine(std::shared_ptr<internal::RemoteCore> core) : Api(std::move(core)) {}

RemoteMachine& RemoteMachine::operator=(RemoteMachine&& other) noexcept {
  if (this != &other) {
    detach();
    Api::operator=(std::move(other));
  }
  return *this;
}

RemoteMachine::~RemoteMachine() { detach(); }

void RemoteMachine::detach() noexcept {
  if (core_ == nullptr) return;
  auto& core = remote(core_);
  core.end(Ended::disposed, "detached");
  core.client().detach(core.remote());
}

LinkStatus RemoteMachine::link() const { return remote(core_).status(); }
std::uint64_t RemoteMachine::epochs() const { return core_->epochs(); }
std::optional<LinkError> RemoteMachine::choose(SyncOptions choice) {
  auto& core = remote(core_);
  core.check_may_block();
  auto error = core.client().choose(core.remote(), std::move(choice));
  if (error.empty()) return std::nullopt;
  return LinkError{LinkErrc::refused, std::move(error)};
}

LinkTraffic RemoteMachine::traffic() const { return remote(core_).traffic(); }

TracerId RemoteMachine::trace(std::shared_ptr<Tracer> tracer) {
  return remote(core_).watchers().trace(std::move(tracer));
}
bool RemoteMachine::detach(TracerId id) { return remote(core_).watchers().detach(id); }
BindingId RemoteMachine::bind(std::vector<NamedHandler> handlers) {
  return remote(core_).watchers().bind(schema(), std::move(handlers));
}
BindingId RemoteMachine::bind_one(HandlerKind kind, StateRef state, HandlerFunction function) {
  return remote(core_).watchers().bind(schema(), kind, board_->index_of(state),
                                       std::move(function));
}
bool RemoteMachine::detach(BindingId id) { return remote(core_).watchers().detach(id); }

// -- the client --------------------------------------------------------------------------------

Client::Client(ClientOptions options)
    : core_(std::make_shared<internal::ClientCore>(std::move(options))) {
  core_->start();
}

Client::Client(Client&&) noexcept = default;

Client& Client::operator=(Client&& other) noexcept {
  std::swap(core_, other.core_);
  return *this;
}

Client::~Client() {
  if (core_ == nullptr) return;
  if (core_->on_io_thread()) {
    // In a stop callback: the thread cannot wait for its own end.
    std::thread([core = core_] { core->stop(std::chrono::seconds{2}); }).detach();
  } else {
    core_->stop(std::chrono::seconds{2});
  }
}

Expected<RemoteMachine> Client::attach(AttachOptions options) {
  auto remote = core_->attach(std::move(options));
  if (!remote) return remote.error();
  return RemoteMachine(std::move(*remote));
}

ConnectionTraffic Client::traffic() const { return core_->traffic(); }
Machine& Client::machine() const noexcept { return core_->machine(); }
bool Client::stop(std::chrono::milliseconds timeout) { return core_->stop(timeout); }

}  // namespace am::rpc
