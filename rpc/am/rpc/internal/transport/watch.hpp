// The descriptors of a socket behind one descriptor, which can be switched off by other threads.
#pragma once

#include <array>

namespace am::rpc::internal {

/// An epoll descriptor. Switching it off and on takes effect on a thread that sleeps on it, without
/// waking it. Not thread-safe but for that: its owner changes it under a lock.
class Watch {
 public:
  /// Throws `std::system_error` when the process is out of descriptors.
  Watch();
  ~Watch();
  Watch(Watch&&) = delete;
  Watch& operator=(Watch&&) = delete;

  /// Readable while one that is watched is.
  int descriptor() const noexcept { return epoll_; }
  /// Watches these instead; -1: none. Cheap when they are the same.
  void set(std::array<int, 2> descriptors) noexcept {
    if (descriptors != watched_) [[unlikely]]
      replace(descriptors);
  }
  /// To be called before one of them is closed: its number may come back as another one.
  void forget() noexcept { set({-1, -1}); }
  /// Whether the first of them counts. It does at first.
  void look_at_first(bool on) noexcept;

 private:
  void replace(std::array<int, 2> descriptors) noexcept;
  void control(int operation, int descriptor, bool on) const noexcept;

  int epoll_;
  bool first_on_ = true;
  std::array<int, 2> watched_{-1, -1};
};

}  // namespace am::rpc::internal
