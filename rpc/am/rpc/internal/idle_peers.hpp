// Peers that have no link open, and since when.
#pragma once

#include <am/rpc/internal/transport/types.hpp>

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace am::rpc::internal {

/// Each peer is idle from its first frame, or the end of its last link, until it opens one. Not
/// thread-safe.
class IdlePeers {
 public:
  explicit IdlePeers(std::chrono::milliseconds patience) : patience_(patience) {}

  /// The peer has no link; since `now`, unless it was noted before.
  void note(PeerId peer, TransportTime now) {
    if (since_.try_emplace(peer, now).second) order_.emplace(now, peer);
  }
  void forget(PeerId peer) {
    const auto found = since_.find(peer);
    if (found == since_.end()) return;
    order_.erase({found->second, peer});
    since_.erase(found);
  }
  /// When the next peer has been idle for too long.
  TransportTime deadline() const noexcept {
    return order_.empty() ? no_deadline : order_.begin()->first + patience_;
  }
  /// Forgets a peer that has been idle for too long, and returns it.
  std::optional<PeerId> take(TransportTime now) {
    if (deadline() > now) return std::nullopt;
    const auto peer = order_.begin()->second;
    forget(peer);
    return peer;
  }

 private:
  std::chrono::milliseconds patience_;
  std::map<PeerId, TransportTime> since_;
  std::set<std::pair<TransportTime, PeerId>> order_;
};

}  // namespace am::rpc::internal
