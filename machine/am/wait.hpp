// Waiting for a machine: one object, several ways to wait on it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <utility>

namespace am {

namespace internal {
struct WaitState;
}

/// How a wait ended.
enum class Ended : std::uint8_t {
  fired,          ///< the condition held
  timeout,        ///< the given time passed; the wait itself goes on
  stopped,        ///< the given stop token was triggered; the wait itself goes on
  disposed,       ///< the machine is gone
  epoch_changed,  ///< remote: the source was restarted or replaced; its ticks mean nothing any more
  unknown,        ///< remote: may have been missed
};

const char* to_string(Ended ended) noexcept;

/// A one-shot wait on a machine's states or ticks. A handle: copies share the wait, and the last
/// one to go detaches it. Conditions that already held end at once. All methods may be called from
/// any thread; the blocking ones throw `Error` (would_deadlock) where nothing could ever end the
/// wait, as in a handler of the same machine.
class Wait {
 public:
  /// An empty wait, which has ended as disposed.
  Wait() = default;
  explicit Wait(internal::WaitState* state) : state_(state) {}  ///< takes over one reference
  Wait(const Wait& other) noexcept;
  Wait(Wait&& other) noexcept : state_(other.state_) { other.state_ = nullptr; }
  Wait& operator=(Wait other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~Wait();

  /// True when the wait has ended, for whatever reason.
  bool done() const noexcept;
  /// How it ended, or nothing while it goes on.
  std::optional<Ended> ended() const noexcept;

  /// Blocks until the wait ends. There is no hidden timeout.
  Ended wait() const;
  /// Blocks until the wait ends or `token` is stopped.
  Ended wait(std::stop_token token) const;
  /// Blocks until the wait ends, or for `duration`.
  template <class Rep, class Period>
  Ended wait_for(std::chrono::duration<Rep, Period> duration) const {
    return wait_until(std::chrono::steady_clock::now() +
                      std::chrono::ceil<std::chrono::steady_clock::duration>(duration));
  }
  template <class Rep, class Period>
  Ended wait_for(std::chrono::duration<Rep, Period> duration, std::stop_token token) const {
    return wait_until(std::chrono::steady_clock::now() +
                          std::chrono::ceil<std::chrono::steady_clock::duration>(duration),
                      std::move(token));
  }
  /// Blocks until the wait ends, or until `deadline`, or until `token` is stopped.
  Ended wait_until(std::chrono::steady_clock::time_point deadline,
                   std::stop_token token = {}) const;

 private:
  internal::WaitState* state_ = nullptr;
};

}  // namespace am
