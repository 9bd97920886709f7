// A remote machine's links, one after the other: when the next one is tried, and when no more.
#pragma once

#include <am/rpc/internal/backoff.hpp>
#include <am/rpc/internal/client_link.hpp>

#include <chrono>
#include <cstdint>
#include <string>

namespace am::rpc::internal {

/// Which ends of a link are followed by another link.
enum class Resume : std::uint8_t {
  never,
  when_lost,  ///< all but those that the server's program wanted
  always,     ///< those too; not when the machine is gone or access is denied
};

struct ClientSessionOptions {
  ClientLinkOptions link{};
  Resume resume = Resume::when_lost;
  /// Pauses between attempts on a connection that stands; see `Backoff`. (How often to connect is
  /// the transport's business.)
  std::chrono::nanoseconds first_pause = std::chrono::milliseconds{100};
  std::chrono::nanoseconds longest_pause = std::chrono::seconds{5};
  /// How long to try, from the loss of the link on; 0 = for ever.
  std::chrono::nanoseconds give_up_after = std::chrono::minutes{5};
  /// How long the server may take to answer a hello after the first one.
  std::chrono::nanoseconds handshake_timeout = std::chrono::seconds{5};
};

/// Drives a `ClientLink` over lost connections. Call `link()` for what happens on it; `ended` for
/// each `LinkClosed` that it reports, `proceed` for each `LinkOpened`. No I/O, no clock; not
/// thread-safe.
class ClientSession {
 public:
  using TimePoint = ClientLink::TimePoint;

  /// `id` is that of the first link.
  ClientSession(LinkId id, ClientSessionOptions options, std::uint64_t seed);

  ClientLink& link() noexcept { return link_; }
  const ClientLink& link() const noexcept { return link_; }
  /// True once there was a welcome.
  bool opened() const noexcept { return opened_; }

  /// True when a hello is due, given that there is a connection.
  bool wants_hello(TimePoint now) const noexcept;
  /// Says it, as link `id`, which must be new on the connection (the first time: the one given at
  /// construction).
  void greet(LinkId id, TimePoint now, ClientEffects& effects);

  /// Accepts a `LinkOpened`.
  void proceed(TimePoint now, ClientEffects& effects);

  /// The connection has ended. `LinkClosed` follows, if there was a link.
  void connection_lost(std::string text, ClientEffects& effects);

  enum class Next : std::uint8_t { end, retry };
  /// Says what comes after the end of a link. After `end`, all calls have been answered.
  Next ended(const LinkClosed& closed, TimePoint now, ClientEffects& effects);

  /// True when it is time to give up: then call `end`.
  bool given_up(TimePoint now) const noexcept;
  /// Ends for good: with a bye if there is a link. All calls are answered.
  void end(std::string_view text, ClientEffects& effects);

  /// When something is due: `ClientLink::poll`, a hello (if `connected`), or giving up.
  TimePoint next_deadline(bool connected) const noexcept;

 private:
  bool worth_another(const LinkClosed& closed) const noexcept;

  ClientSessionOptions options_;
  ClientLink link_;
  Backoff backoff_;
  bool opened_ = false;
  bool connection_lost_ = false;
  bool retrying_ = false;
  TimePoint retry_at_ = TimePoint::max();
  TimePoint give_up_at_ = TimePoint::max();
  TimePoint opened_at_{};
};

}  // namespace am::rpc::internal
