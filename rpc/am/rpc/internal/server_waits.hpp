// The waits on arguments that clients have asked a server's sources for.
#pragma once

#include <am/api.hpp>
#include <am/continuation.hpp>
#include <am/rpc/internal/wait_messages.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace am::rpc::internal {

/// They belong to sessions, so that a match while the connection is lost is told after it. By the
/// I/O thread, but for `post`.
class ServerWaits {
 public:
  using Token = std::uint64_t;  ///< of a session

  /// A wait has ended.
  struct Ended {
    Token session = 0;
    WaitId wait = 0;
    WaitOutcome outcome = WaitOutcome::fired;
  };
  /// Brings one to `post`, and has `take` called after that. On any thread; must not block.
  using Bring = std::function<void(const Ended&)>;

  /// Before anything else.
  void bring_with(Bring bring) { bring_ = std::move(bring); }

  /// What to answer. `moved`: when the source does not have the wait yet, a match may have been
  /// missed.
  WaitOutcome ask(Token session, const Api& source, const WaitAsked& asked, bool moved);
  void forget(Token session, WaitId wait);
  void session_ended(Token session);
  bool empty() const noexcept { return sessions_.empty(); }

  void post(const Ended& ended);
  /// Those that have ended since the last call and are still wanted; their outcomes stay until they
  /// are forgotten.
  void take(std::vector<Ended>& out);

 private:
  struct Held {
    WaitOutcome outcome = WaitOutcome::waiting;
    Continuation continuation{};
  };
  using Session = std::map<WaitId, Held>;
  Bring bring_;
  std::unordered_map<Token, Session> sessions_;

  std::mutex mutex_;
  std::vector<Ended> ended_;  ///< guarded by mutex_
};

}  // namespace am::rpc::internal
