#include <am/rpc/internal/transport/connection_watch.hpp>

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <algorithm>
#include <charconv>
#include <optional>

namespace am::rpc::internal {

namespace {

/// Greeting, handshake, framing, and what libzmq reads at once.
constexpr std::uint64_t slack = 64 * 1024;

/// Bytes that have ever arrived at a connection and were read by libzmq; nothing where the kernel
/// does not count them.
std::optional<std::uint64_t> bytes_read(int descriptor) noexcept {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return std::nullopt;
  if (size < offsetof(tcp_info, tcpi_bytes_received) + sizeof info.tcpi_bytes_received) {
    return std::nullopt;
  }
  int unread = 0;
  if (ioctl(descriptor, SIOCINQ, &unread) != 0) unread = 0;
  const auto waiting = static_cast<std::uint64_t>(std::max(unread, 0));
  return info.tcpi_bytes_received - std::min<std::uint64_t>(waiting, info.tcpi_bytes_received);
}

/// The port at this end of a connection; 0: not tcp.
int local_port(int descriptor) noexcept {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  if (address.ss_family == AF_INET) {
    return ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
  }
  if (address.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port);
  }
  return 0;
}

int port_of(const std::string& endpoint) noexcept {
  const auto colon = endpoint.rfind(':');
  int port = 0;
  if (endpoint.starts_with("tcp://") && colon != std::string::npos) {
    std::from_chars(endpoint.data() + colon + 1, endpoint.data() + endpoint.size(), port);
  }
  return port;
}

}  // namespace

ConnectionWatch::ConnectionWatch(const Limits& limits, const std::string& bound_endpoint)
    : limits_(limits), port_(port_of(bound_endpoint)) {}

bool ConnectionWatch::accepted(int descriptor, TransportTime now) {
  Connection connection;
  connection.inode = inode_of(descriptor);
  connection.accepted = now;
  connections_[descriptor] = connection;
  if (next_check_ == no_deadline) next_check_ = now + check_interval;
  return connections_.size() <= limits_.connections || !close(descriptor, connection);
}

void ConnectionWatch::disconnected(int descriptor) {
  connections_.erase(descriptor);
  if (connections_.empty()) next_check_ = no_deadline;
}

std::size_t ConnectionWatch::check(PeerTable& peers, bool all_read, TransportTime now) {
  std::size_t closed = 0;
  bool suspects = false;
  for (auto& [descriptor, connection] : connections_) {
    const auto* const peer = peers.at(descriptor);
    const bool silent = peer == nullptr && all_read && now - connection.accepted >= limits_.silence;
    if (silent || endless(descriptor, connection, peer, all_read)) {
      closed += close(descriptor, connection) ? 1 : 0;
    }
    suspects |= connection.suspected;
  }
  const auto rarer = 1 + static_cast<int>(connections_.size() / connections_per_check);
  next_check_ = connections_.empty() ? no_deadline
                : suspects           ? now + suspect_interval
                                     : now + check_interval * rarer;
  return closed;
}

/// True for a message that is longer than any whole one may be, and still not at its end.
bool ConnectionWatch::endless(int descriptor, Connection& connection, const PeerTable::Peer* peer,
                              bool all_read) {
  if (port_ == 0) return false;
  const auto bytes = bytes_read(descriptor);
  if (!bytes) return false;
  const std::uint64_t frames = peer == nullptr ? 0 : peer->frames;
  if (frames != connection.frames) {
    connection.frames = frames;
    connection.baseline = *bytes;
    connection.suspected = false;
    return false;
  }
  const auto growth = *bytes - std::min(connection.baseline, *bytes);
  if (growth > (limits_.queue + 1) * limits_.message + slack) return true;
  if (growth <= limits_.message + slack) return false;
  // Its bytes may be whole messages that are about to be read: those are, by the next check.
  if (connection.suspected) return all_read;
  connection.suspected = true;
  return false;
}

bool ConnectionWatch::close(int descriptor, const Connection& connection) const noexcept {
  // Whatever has become of the descriptor meanwhile, nothing but a connection to this port ends.
  if (port_ != 0 && local_port(descriptor) != port_) return false;
  return shut_down(descriptor, connection.inode, Farewell::reset);
}

}  // namespace am::rpc::internal
