// A machine and its proxy in one process, for tests.
#pragma once

#include <am/rpc/client.hpp>
#include <am/rpc/server.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace am::rpc::testing {

/// Exposes a machine and attaches a proxy to it, within the process: no port, no file, and the same
/// protocol as between hosts. All methods may be called from any thread, but not in handlers.
///
///     am::Machine door{...};
///     am::rpc::testing::RemotePair pair(door);
///     pair.remote().add("Open");
class RemotePair {
 public:
  /// Throws `std::runtime_error` when the two cannot be joined within `patience`, which is also how
  /// long `settle` waits.
  explicit RemotePair(Api machine, std::chrono::milliseconds patience = std::chrono::seconds(10))
      : machine_(std::move(machine)),
        patience_(patience),
        server_(machine_, {.endpoint = fresh_endpoint(), .push_interval = {}}),
        client_({.endpoint = server_.endpoint()}) {
    auto attached = client_.attach({.timeout = patience});
    if (!attached) throw std::runtime_error("no remote pair: " + attached.error().message);
    remote_.emplace(std::move(*attached));
  }

  /// The proxy, to be passed to the code under test as an `am::Api`.
  RemoteMachine& remote() { return *remote_; }
  Api& machine() { return machine_; }

  /// Blocks until the proxy shows what the machine has come to; false when that took too long, or
  /// the link has ended. Mutations through the proxy show without it.
  bool settle() {
    const auto deadline = std::chrono::steady_clock::now() + patience_;
    while (remote_->connected()) {
      const auto goal = machine_.time();
      const auto arrived = remote_->when_query([goal](const Time& now) {
        for (std::size_t i = 0; i < goal.size(); ++i) {
          if (now[i] < goal[i]) return false;
        }
        return true;
      });
      if (arrived.wait_until(deadline) != Ended::fired) return false;
      if (machine_.time() == remote_->time()) return true;
    }
    return false;
  }

  /// Ends the link as a server that goes away does: mutations are not sent any more, waits of the
  /// proxy end. The machine lives on. Returns once the proxy knows, or false when that took too
  /// long.
  bool cut() {
    const auto ended = remote_->when_query([](const Time&) { return false; });
    server_.stop(patience_);
    return ended.wait_for(patience_) != Ended::timeout;
  }

 private:
  static std::string fresh_endpoint() {
    static std::atomic<unsigned> last{0};
    return "inproc://am-testing-" + std::to_string(++last);
  }

  Api machine_;
  std::chrono::milliseconds patience_;
  Server server_;
  Client client_;
  std::optional<RemoteMachine> remote_;
};

}  // namespace am::rpc::testing
