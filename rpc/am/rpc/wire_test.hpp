// A tcp connection that tests can cut.
#pragma once

#include <am/rpc/door_test.hpp>
#include <am/rpc/loopback_test.hpp>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace am::rpc::testing {

/// Waits until the link of a remote machine is in `state`; it has no waits of its own.
template <class Remote, class State>
bool reaches(const Remote& remote, State state) {
  const auto limit = std::chrono::steady_clock::now() + patience;
  while (remote.link().state != state) {
    if (std::chrono::steady_clock::now() > limit) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  return true;
}

/// Forwards connections to a server's endpoint ("tcp://127.0.0.1:PORT") until they are cut.
class Wire {
 public:
  explicit Wire(const std::string& endpoint) : target_(port_of(endpoint)) {
    open();
    thread_ = std::jthread([this](const std::stop_token& stop) {
      while (!stop.stop_requested()) pump();
    });
  }
  ~Wire() {
    thread_.request_stop();
    thread_.join();
    cut();
  }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  std::string endpoint() const { return "tcp://127.0.0.1:" + std::to_string(port_); }

  /// Ends all connections, and lets none through until `mend`.
  void cut() {
    const std::lock_guard lock(mutex_);
    for (const auto& pair : pairs_) {
      close(pair[0]);
      close(pair[1]);
    }
    pairs_.clear();
    if (listener_ >= 0) close(std::exchange(listener_, -1));
  }
  void mend() {
    const std::lock_guard lock(mutex_);
    if (listener_ < 0) open();
  }
  /// Where connections go from now on.
  void aim(const std::string& endpoint) { target_ = port_of(endpoint); }

 private:
  void open() {
    // A poll that is just looking at the former socket keeps the port for a moment.
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!try_open()) {
      if (std::chrono::steady_clock::now() > limit) throw std::runtime_error("cannot listen");
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  bool try_open() {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    auto own = loopback(port_);
    socklen_t size = sizeof own;
    if (bind(listener_, reinterpret_cast<sockaddr*>(&own), size) != 0 ||
        listen(listener_, 64) != 0 ||
        getsockname(listener_, reinterpret_cast<sockaddr*>(&own), &size) != 0) {
      close(std::exchange(listener_, -1));
      return false;
    }
    port_ = ntohs(own.sin_port);
    return true;
  }

  void pump() {
    std::vector<pollfd> watched;
    {
      const std::lock_guard lock(mutex_);
      watched.push_back({listener_, POLLIN, 0});
      for (const auto& pair : pairs_) {
        watched.push_back({pair[0], POLLIN, 0});
        watched.push_back({pair[1], POLLIN, 0});
      }
    }
    poll(watched.data(), watched.size(), 5);
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < pairs_.size();) {
      if (forward(pairs_[i][0], pairs_[i][1]) && forward(pairs_[i][1], pairs_[i][0])) {
        ++i;
        continue;
      }
      close(pairs_[i][0]);
      close(pairs_[i][1]);
      pairs_.erase(pairs_.begin() + static_cast<long>(i));
    }
    if (listener_ >= 0 && watched[0].fd == listener_ && (watched[0].revents & POLLIN) != 0) join();
  }

  void join() {
    const int from = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (from < 0) return;
    const int to = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto target = loopback(target_);
    if (connect(to, reinterpret_cast<const sockaddr*>(&target), sizeof target) != 0) {
      close(from);
      close(to);
      return;
    }
    pairs_.push_back({from, to});
  }

  static bool forward(int from, int to) {
    std::array<char, 65536> buffer{};
    const auto size = recv(from, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size < 0) return errno == EAGAIN;
    if (size == 0) return false;
    for (ssize_t sent = 0; sent < size;) {
      const auto more =
          send(to, buffer.data() + sent, static_cast<std::size_t>(size - sent), MSG_NOSIGNAL);
      if (more < 0) return false;
      sent += more;
    }
    return true;
  }

  std::atomic<std::uint16_t> target_;
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  int listener_ = -1;
  std::vector<std::array<int, 2>> pairs_;
  std::jthread thread_;
};

}  // namespace am::rpc::testing
