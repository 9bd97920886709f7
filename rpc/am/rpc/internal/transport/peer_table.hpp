// Which connection is which peer, and when it is gone.
#pragma once

#include <am/rpc/internal/transport/socket.hpp>
#include <am/rpc/internal/transport/types.hpp>

#include <sys/types.h>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace am::rpc::internal {

/// Which file a descriptor refers to; 0 when it is not open.
ino_t inode_of(int descriptor) noexcept;
enum class Farewell : std::uint8_t {
  orderly,  ///< what was sent may still arrive
  reset,    ///< at once: a peer that waits for room to send more is told, and keeps nothing here
};
/// Ends the connection `descriptor`, if it still is the one with this inode. False when it is not.
bool shut_down(int descriptor, ino_t inode, Farewell farewell) noexcept;

/// The peers of one router. libzmq tells a ROUTER the identity of a frame's sender, and the monitor
/// the descriptor of a connection that ended; the first frame of a peer ties the two together. Not
/// thread-safe: used by the thread that has the turn.
class PeerTable {
 public:
  struct Peer {
    PeerId id{};
    RoutingId routing{};
    int descriptor = -1;  ///< of its connection while that is open; -1: none that we know of
    ino_t inode = 0;      ///< of that descriptor, which tells a reused number from the real one
    PublicKey key{};      ///< that it has proved to have, on a router with keys
    std::uint64_t frames = 0;  ///< that were delivered
    bool muted = false;        ///< what it sends is not delivered
    bool leaving = false;      ///< waits in `take_departed`
  };

  // -- connections, in the order of the monitor's events -----------------------------------------

  void accepted(int descriptor);
  void disconnected(int descriptor);
  std::size_t connections() const noexcept { return connections_.size(); }

  // -- peers -------------------------------------------------------------------------------------

  /// The peer of a frame, or null when its first frame is yet to come (or it has departed).
  Peer* find(RoutingId routing) noexcept;
  Peer* find(PeerId id) noexcept;
  /// The peer of an open connection, or null when its first frame is yet to come.
  const Peer* at(int descriptor) const noexcept;
  /// True for the leftovers of a peer that has departed.
  bool departed(RoutingId routing) const noexcept { return departed_.contains(routing); }
  /// Makes a peer of a first frame. All events so far must have been told: descriptors are reused.
  /// `descriptor` is -1 where there is none (inproc).
  Peer& introduce(RoutingId routing, int descriptor);

  /// Notes that a peer is gone, for `take_departed`. Again is harmless.
  void depart(Peer& peer);
  bool any_departed() const noexcept { return !leaving_.empty(); }
  /// Forgets the peers that departed and returns their ids, oldest first.
  std::vector<PeerId> take_departed();

  /// Closes the peer's connection, and no other one, whatever happens to its descriptor meanwhile.
  /// False when there is none to close. All events so far must have been told.
  bool disconnect(const Peer& peer) noexcept;

  /// Departed peers that are remembered so that their leftovers do not make them new ones.
  static constexpr std::size_t remembered_departures = 4096;

 private:
  std::unordered_map<RoutingId, Peer> peers_;
  std::unordered_map<PeerId, RoutingId> routing_;
  std::unordered_map<int, Peer*> connections_;  // open ones; null until the first frame
  std::vector<Peer*> leaving_;
  std::unordered_set<RoutingId> departed_;
  std::deque<RoutingId> departed_order_;
  std::uint64_t last_id_ = 0;
};

}  // namespace am::rpc::internal
