// What the connections of a router may cost, whether or not they ever say anything.
#pragma once

#include <am/rpc/internal/transport/peer_table.hpp>
#include <am/rpc/internal/transport/types.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

namespace am::rpc::internal {

/// The largest share of a check that looks at every connection; with more, checks are rarer.
inline constexpr std::size_t connections_per_check = 1024;

/// Closes connections beyond a number, those that never say a word, and those whose bytes arrive
/// while no message does: libzmq keeps the parts of a message until its last one has come, however
/// many there are, and has no limit for it. Between two checks a peer can make it keep what its
/// line carries in `check_interval`. This last one is for tcp only, as the kernel counts no bytes
/// of unix sockets. Not thread-safe: used by the thread that has the turn.
class ConnectionWatch {
 public:
  struct Limits {
    std::size_t connections = 4096;
    /// Without a first frame.
    std::chrono::milliseconds silence{10'000};
    /// Bytes that may arrive without a whole message: the longest frame.
    std::size_t message = 0;
    /// Whole messages of one connection that may wait to be read.
    std::size_t queue = 0;
  };

  ConnectionWatch(const Limits& limits, const std::string& bound_endpoint);

  /// False when there are too many, and this one is closed.
  bool accepted(int descriptor, TransportTime now);
  void disconnected(int descriptor);

  /// When `check` is to be called; no deadline without connections.
  TransportTime next_check() const noexcept { return next_check_; }
  /// `all_read`: no whole message waits to be read. Returns the connections that it has closed; the
  /// monitor reports their end.
  std::size_t check(PeerTable& peers, bool all_read, TransportTime now);

  static constexpr std::chrono::milliseconds check_interval{200};
  /// How soon one that is suspected is looked at again.
  static constexpr std::chrono::milliseconds suspect_interval{20};

 private:
  struct Connection {
    ino_t inode = 0;  ///< tells a reused descriptor from the real one
    TransportTime accepted{};
    std::uint64_t frames = 0;    ///< delivered when it was last looked at
    std::uint64_t baseline = 0;  ///< bytes that had arrived then
    bool suspected = false;
  };

  bool endless(int descriptor, Connection& connection, const PeerTable::Peer* peer, bool all_read);
  bool close(int descriptor, const Connection& connection) const noexcept;

  Limits limits_;
  int port_ = 0;  ///< of the router; 0: not tcp
  std::unordered_map<int, Connection> connections_;
  TransportTime next_check_ = no_deadline;
};

}  // namespace am::rpc::internal
