#include <am/rpc/internal/transport/peer_table.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace am::rpc::internal {

ino_t inode_of(int descriptor) noexcept {
  struct stat status {};
  return fstat(descriptor, &status) == 0 ? status.st_ino : 0;
}

bool shut_down(int descriptor, ino_t inode, Farewell farewell) noexcept {
  // The duplicate cannot be closed by libzmq and its number not be reused under our hands.
  const int mine = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  if (mine < 0) return false;
  const bool same = inode_of(mine) == inode;
  if (same && farewell == Farewell::reset) {
    const linger none{.l_onoff = 1, .l_linger = 0};  // for when libzmq closes it
    setsockopt(mine, SOL_SOCKET, SO_LINGER, &none, sizeof none);
  }
  if (same) shutdown(mine, SHUT_RDWR);
  close(mine);
  return same;
}

void PeerTable::accepted(int descriptor) { connections_[descriptor] = nullptr; }

void PeerTable::disconnected(int descriptor) {
  const auto connection = connections_.find(descriptor);
  if (connection == connections_.end()) return;
  Peer* const peer = connection->second;
  connections_.erase(connection);
  if (peer == nullptr) return;
  peer->descriptor = -1;
  depart(*peer);
}

PeerTable::Peer* PeerTable::find(RoutingId routing) noexcept {
  const auto found = peers_.find(routing);
  return found == peers_.end() ? nullptr : &found->second;
}

PeerTable::Peer* PeerTable::find(PeerId id) noexcept {
  const auto found = routing_.find(id);
  return found == routing_.end() ? nullptr : find(found->second);
}

const PeerTable::Peer* PeerTable::at(int descriptor) const noexcept {
  const auto found = connections_.find(descriptor);
  return found == connections_.end() ? nullptr : found->second;
}

PeerTable::Peer& PeerTable::introduce(RoutingId routing, int descriptor) {
  const PeerId id{++last_id_};
  Peer& peer = peers_[routing];
  peer = {.id = id, .routing = routing};
  routing_[id] = routing;
  if (descriptor < 0) return peer;

  const auto connection = connections_.find(descriptor);
  if (connection == connections_.end()) {
    // Its connection has ended already, and this frame is what it left behind.
    depart(peer);
    return peer;
  }
  if (connection->second != nullptr) {
    // The earlier peer was a leftover too, and the number has been reused since.
    connection->second->descriptor = -1;
    depart(*connection->second);
  }
  connection->second = &peer;
  peer.descriptor = descriptor;
  peer.inode = inode_of(descriptor);
  return peer;
}

void PeerTable::depart(Peer& peer) {
  if (peer.leaving) return;
  peer.leaving = true;
  leaving_.push_back(&peer);
}

std::vector<PeerId> PeerTable::take_departed() {
  std::vector<PeerId> ids;
  ids.reserve(leaving_.size());
  for (Peer* peer : leaving_) {
    ids.push_back(peer->id);
    if (peer->descriptor >= 0) connections_[peer->descriptor] = nullptr;
    if (departed_.insert(peer->routing).second) departed_order_.push_back(peer->routing);
    routing_.erase(peer->id);
    peers_.erase(peer->routing);
  }
  leaving_.clear();
  while (departed_order_.size() > remembered_departures) {
    departed_.erase(departed_order_.front());
    departed_order_.pop_front();
  }
  return ids;
}

bool PeerTable::disconnect(const Peer& peer) noexcept {
  return peer.descriptor >= 0 && shut_down(peer.descriptor, peer.inode, Farewell::orderly);
}

}  // namespace am::rpc::internal
