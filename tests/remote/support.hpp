// The fixtures of the remote rows: one machine, here or behind a wire.
#pragma once

#include <am/format.hpp>
#include <am/machine.hpp>
#include <am/rpc/client.hpp>
#include <am/rpc/server.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace remote {

/// How long tests wait for what has to come; one that needs it has failed.
inline constexpr auto patience = std::chrono::seconds(30);

/// Where the machine is that a test speaks to.
enum class Where { local, inproc, tcp, tree };

inline std::string name_of(Where where) {
  switch (where) {
    case Where::local: return "local";
    case Where::inproc: return "inproc";
    case Where::tcp: return "tcp";
    case Where::tree: return "tree";  // a proxy of a proxy
  }
  return "?";
}

/// Four states without relations, and with them.
inline am::Schema plain() { return {{"A"}, {"B"}, {"C"}, {"D"}}; }
inline am::Schema related() {
  return {{"A", {.automatic = true, .require = {"C"}}},
          {"B", {.multi = true, .add = {"C"}}},
          {"C", {.after = {"D"}}},
          {"D", {.add = {"C", "B"}}}};
}

/// The active states, in the order of their names.
inline std::string active(const am::Api& m) {
  auto names = m.active_states();
  std::ranges::sort(names);
  return fmt::format("{}", fmt::join(names, " "));
}
/// The ticks of `states`: "1 0 2".
inline std::string ticks(const am::Api& m, std::initializer_list<std::string_view> states) {
  std::vector<std::uint64_t> values;
  for (const auto state : states) values.push_back(m.tick(state).value);
  return fmt::format("{}", fmt::join(values, " "));
}

/// An endpoint that nobody has.
inline std::string endpoint(Where where) {
  static std::atomic<unsigned> last{0};
  if (where == Where::tcp) return "tcp://127.0.0.1:0";
  return fmt::format("inproc://remote-rows-{}", ++last);
}

/// A source, and what tests use it through: the source itself, or a proxy of it.
class Subject {
 public:
  /// `active` is set before there is a server. Threads that mutate the source faster than it runs
  /// wait for room, so that nobody is refused for want of it.
  Subject(Where where, am::Schema schema, std::initializer_list<am::StateRef> active = {},
          am::rpc::ServerOptions server = {}, am::rpc::ClientOptions client = {})
      : source_(std::move(schema), {.queue_full = am::QueueFull::block}) {
    if (active.size() != 0) source_.set(active);
    if (where == Where::local) return;
    server.endpoint = endpoint(where);
    server_.emplace(source_, server);
    client.endpoint = server_->endpoint();
    client_.emplace(client);
    proxy_.emplace(attached(*client_));
    if (where != Where::tree) return;
    server.endpoint = endpoint(where);
    middle_ = std::make_unique<Middle>(std::move(*proxy_), server);
    proxy_.emplace(attached(middle_->client));
  }

  am::Api& operator*() { return proxy_ ? static_cast<am::Api&>(*proxy_) : source_; }
  am::Api* operator->() { return &**this; }
  am::Machine& source() { return source_; }
  am::rpc::RemoteMachine& proxy() { return *proxy_; }
  am::rpc::Server& server() { return *server_; }
  am::rpc::Client& client() { return *client_; }

  /// Blocks until the proxy shows what the source has come to; the source must be at rest.
  bool settle() {
    if (!proxy_) return true;
    const auto goal = source_.time();
    return proxy_->when_query([goal](const am::Time& now) { return now == goal; })
               .wait_for(patience) == am::Ended::fired;
  }

  /// Nothing went wrong, on either side, and both show the same.
  void expect_strict() {
    EXPECT_TRUE(settle());
    EXPECT_EQ(source_.tick("Exception").value, 0U);
    EXPECT_EQ((**this).time(), source_.time());
    if (proxy_) {
      EXPECT_TRUE(proxy_->connected());
      EXPECT_EQ(proxy_->traffic().resyncs, 0U);
      EXPECT_EQ(server_->stats().links_broken, 0U);
    }
  }

 private:
  /// What is between the source's proxy and the one of a tree.
  struct Middle {
    Middle(am::rpc::RemoteMachine remote, const am::rpc::ServerOptions& options)
        : proxy(std::move(remote)),
          server(proxy, options),
          client({.endpoint = server.endpoint()}) {}
    am::rpc::RemoteMachine proxy;
    am::rpc::Server server;
    am::rpc::Client client;
  };

  static am::rpc::RemoteMachine attached(am::rpc::Client& client) {
    auto remote = client.attach({.timeout = patience});
    if (!remote) throw std::runtime_error("cannot attach: " + remote.error().message);
    return std::move(*remote);
  }

  am::Machine source_;
  std::optional<am::rpc::Server> server_;
  std::optional<am::rpc::Client> client_;
  std::unique_ptr<Middle> middle_;
  std::optional<am::rpc::RemoteMachine> proxy_;
};

}  // namespace remote
