// Conversations with clients, which outlive lost connections.
#pragma once

#include <am/rpc/internal/messages.hpp>
#include <am/rpc/internal/request_log.hpp>

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

namespace am::rpc::internal {

/// Who a session belongs to. All of it has to be the same when a client comes back.
struct SessionKey {
  std::string client_id{};
  std::string machine_id{};
  std::uint64_t number = 0;  ///< random, of the client
  std::string peer_key{};    ///< what the transport knows the peer by; "" = nothing
  friend auto operator<=>(const SessionKey&, const SessionKey&) = default;
};

/// A link of this server.
struct LinkName {
  std::uint64_t peer = 0;
  LinkId link = 0;
  friend auto operator<=>(const LinkName&, const LinkName&) = default;
};

struct SessionLimits {
  /// How long a session waits for its client; 0 = it ends with its link.
  std::chrono::nanoseconds ttl = std::chrono::seconds{60};
  /// Most sessions that wait (a count), and the memory of their logs. Above, the oldest ones go.
  std::size_t waiting = 1024;
  std::size_t waiting_bytes = std::size_t{16} << 20U;
  RequestLogLimits log{};
};

/// All sessions of a server: those with a link, and those that wait for their client. A session is
/// named by a random token that only its client is told. No I/O, no clock; not thread-safe.
class ServerSessions {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Token = std::uint64_t;

  /// `random` gives the tokens.
  ServerSessions(SessionLimits limits, std::function<std::uint64_t()> random)
      : limits_(limits), random_(std::move(random)) {}
  /// Called with each session that has ended; must not call back.
  void when_ended(std::function<void(Token)> ended) { ended_ = std::move(ended); }

  struct Session {
    Token token = 0;
    SessionKey key{};
    std::shared_ptr<RequestLog> log{};
    std::optional<LinkName> link{};  ///< nothing while it waits
    TimePoint expires{};             ///< while it waits
    std::size_t bytes = 0;           ///< counted while it waits
  };

  struct Opened {
    Session* session = nullptr;
    bool resumed = false;
    /// The link that had it: its connection is dead without anybody having noticed.
    std::optional<LinkName> former{};
  };

  /// The session of a hello, whose link it gets. `token` is the one that the client remembers, 0 =
  /// none; when it is not that of the session under `key`, that one is replaced by a new one.
  Opened open(const SessionKey& key, Token token, LinkName link);
  /// Null when there is none. Valid until the next change.
  Session* find(Token token) noexcept;
  /// Its link has ended. It waits for its client, unless sessions do not.
  void detach(Token token, TimePoint now);
  /// Its client does not come back.
  void remove(Token token);

  /// Ends what has waited for too long.
  void expire(TimePoint now);
  TimePoint next_deadline() const noexcept {
    return waiting_.empty() ? TimePoint::max() : waiting_.begin()->first;
  }
  std::size_t waiting() const noexcept { return waiting_.size(); }
  std::size_t size() const noexcept { return sessions_.size(); }
  bool resumable() const noexcept { return limits_.ttl.count() > 0; }

 private:
  void take_out(Session& session);

  SessionLimits limits_;
  std::function<std::uint64_t()> random_;
  std::function<void(Token)> ended_{};
  std::unordered_map<Token, Session> sessions_;
  std::map<SessionKey, Token> tokens_;
  std::set<std::pair<TimePoint, Token>> waiting_;
  std::size_t waiting_bytes_ = 0;
};

}  // namespace am::rpc::internal
