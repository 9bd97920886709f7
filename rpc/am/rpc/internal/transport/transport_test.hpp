// What the transport's tests share: handlers that record, and waiting for conditions.
#pragma once

#include <am/rpc/internal/transport/dealer.hpp>
#include <am/rpc/internal/transport/router.hpp>

#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace am::rpc::internal::testing {

/// Far longer than anything here takes; a test that needs it has failed.
inline constexpr std::chrono::seconds patience{20};

inline const std::string any_tcp = "tcp://127.0.0.1:0";

inline FrameView bytes(std::string_view text) { return std::as_bytes(std::span{text}); }
inline std::string text(FrameView frame) {
  return {reinterpret_cast<const char*>(frame.data()), frame.size()};
}

/// State under a mutex that a test waits on.
class Watched {
 public:
  template <class Change>
  void change(Change&& apply) {
    {
      const std::scoped_lock lock(mutex_);
      apply();
    }
    changed_.notify_all();
  }
  /// What `look` returns, by value.
  template <class Look>
  auto read(Look&& look) {
    const std::scoped_lock lock(mutex_);
    return look();
  }
  /// False when `condition` was not met within `patience`.
  template <class Condition>
  bool wait(Condition&& condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, condition);
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
};

/// Polls what has no notification, such as counters.
template <class Condition>
bool eventually(Condition&& condition) {
  const auto limit = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > limit) return false;
    std::this_thread::yield();
  }
  return true;
}

/// A server that records and, unless told otherwise, echoes. Hooks run on the I/O thread.
struct Server : RouterHandler, Watched {
  std::function<void(PeerId, FrameView)> frame_hook;
  std::function<void()> wake_hook = [] {};
  RouterTransport* transport = nullptr;

  std::vector<std::pair<PeerId, std::string>> frames;
  std::vector<PeerId> gone;
  std::vector<PeerId> peers;
  std::atomic<int> wakes{0};
  std::atomic<int> deadlines{0};
  std::atomic<TransportTime> deadline{no_deadline};

  void on_frame(PeerId peer, FrameView frame) override {
    change([&] {
      if (std::ranges::find(peers, peer) == peers.end()) peers.push_back(peer);
      if (!frame_hook) frames.emplace_back(peer, text(frame));
    });
    frame_hook ? frame_hook(peer, frame) : static_cast<void>(transport->send(peer, frame));
  }
  void on_wake() override {
    wake_hook();
    change([&] { ++wakes; });
  }
  void on_peer_gone(PeerId peer) override {
    change([&] { gone.push_back(peer); });
  }
  TransportTime next_deadline() override { return deadline; }
  void on_deadline(TransportTime) override {
    deadline = no_deadline;
    change([&] { ++deadlines; });
  }
};

/// A client that records, and sends what the test queues.
struct Client : DealerHandler, Watched {
  std::function<void()> connected_hook = [] {};
  DealerTransport* transport = nullptr;

  std::vector<std::string> frames;
  std::vector<std::string> outbox;
  std::vector<std::string> refusals;
  std::atomic<int> connected{0};
  std::atomic<int> disconnected{0};

  /// From the test's thread.
  void post(std::string frame) {
    change([&] { outbox.push_back(std::move(frame)); });
    transport->wake();
  }
  std::string first_refusal() {
    return read([&] { return refusals.front(); });
  }
  void flush() {
    std::vector<std::string> batch;
    change([&] {
      if (connected > disconnected) batch.swap(outbox);
    });
    for (const auto& frame : batch) transport->send(bytes(frame));
  }
  void on_frame(FrameView frame) override {
    change([&] { frames.push_back(text(frame)); });
  }
  void on_wake() override { flush(); }
  void on_connected() override {
    change([&] { ++connected; });
    connected_hook();
    flush();
  }
  void on_disconnected() override {
    change([&] { ++disconnected; });
  }
  void on_refused(Refusal, std::string_view why) override {
    change([&] { refusals.emplace_back(why); });
  }
  TransportTime next_deadline() override { return no_deadline; }
  void on_deadline(TransportTime) override {}
};

/// A server on its transport.
struct RunningServer {
  explicit RunningServer(const std::string& endpoint, SocketLimits limits = {},
                         Context context = Context::shared())
      : RunningServer(RouterOptions{.endpoint = endpoint, .limits = limits}, std::move(context)) {}
  explicit RunningServer(RouterOptions options, Context context = Context::shared())
      : transport(std::move(context), std::move(options)) {
    handler->transport = &transport;
  }
  ~RunningServer() { transport.stop(); }
  RunningServer(RunningServer&&) = delete;
  RunningServer& operator=(RunningServer&&) = delete;

  void start() { transport.start(handler); }

  std::shared_ptr<Server> handler = std::make_shared<Server>();
  RouterTransport transport;
};

/// A client on its transport.
struct RunningClient {
  explicit RunningClient(const std::string& endpoint, SocketLimits limits = {},
                         Context context = Context::shared())
      : RunningClient(DealerOptions{.endpoint = endpoint,
                                    .limits = limits,
                                    .reconnect_min = std::chrono::milliseconds{5},
                                    .reconnect_max = std::chrono::milliseconds{50}},
                      std::move(context)) {}
  explicit RunningClient(DealerOptions options, Context context = Context::shared())
      : transport(std::move(context), std::move(options)) {
    handler->transport = &transport;
  }
  ~RunningClient() { transport.stop(); }
  RunningClient(RunningClient&&) = delete;
  RunningClient& operator=(RunningClient&&) = delete;

  void start() { transport.start(handler); }

  std::shared_ptr<Client> handler = std::make_shared<Client>();
  DealerTransport transport;
};

/// An ipc path that no other test uses.
inline std::string fresh_ipc() {
  static std::atomic<int> count{0};
  return "ipc:///tmp/am-transport-" + std::to_string(getpid()) + "-" +
         std::to_string(count.fetch_add(1));
}

}  // namespace am::rpc::internal::testing
