// Endpoints as text, checked before a socket sees them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace am::rpc::internal {

/// The longest ipc path, in bytes: what a unix socket address holds.
inline constexpr std::size_t max_ipc_path = 107;
/// The longest inproc name, in bytes.
inline constexpr std::size_t max_inproc_name = 255;

/// A checked endpoint. Immutable after `parse`.
struct Endpoint {
  enum class Kind : std::uint8_t { tcp, ipc, inproc };
  /// What the endpoint is for: wildcards (`*` as host or port, port 0) are for binding only.
  enum class Use : std::uint8_t { bind, connect };

  Kind kind = Kind::tcp;
  std::string text{};     ///< the endpoint as given, for example "tcp://127.0.0.1:4000"
  std::string address{};  ///< what follows "scheme://"
  bool ipv6 = false;      ///< the host is in brackets
  /// tcp, and not by an address of the loopback interface: 127.x.x.x, [::1], localhost. No names
  /// are resolved, so another name of this host counts as one beyond it.
  bool leaves_host = false;

  /// Checks `text`: "tcp://HOST:PORT" (host: name, IPv4, [IPv6], or `*`), "ipc://PATH" ("ipc://*"
  /// for a fresh path, a leading @ for the abstract namespace) or "inproc://NAME". Throws `Error`
  /// (invalid_argument) that quotes the text and names the rule. Resolves no names. Any thread.
  static Endpoint parse(std::string_view text, Use use);
};

}  // namespace am::rpc::internal
