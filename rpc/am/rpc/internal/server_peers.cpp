// What a server's peers send and are sent, and what comes and goes with them: on the I/O thread.
#include <am/rpc/internal/packing.hpp>
#include <am/rpc/internal/server_core.hpp>

#include <fmt/format.h>

#include <utility>

namespace am::rpc::internal {

namespace {

TransportTime now() { return std::chrono::steady_clock::now(); }

}  // namespace

ServerCore::Link* ServerCore::find(LinkKey key) {
  const auto peer = peers_.find(key.first);
  if (peer == peers_.end()) return nullptr;
  const auto link = peer->second.find(key.second);
  return link == peer->second.end() ? nullptr : link->second.get();
}

/// Makes the link that a hello asks for; null when the peer has too many.
ServerCore::Link* ServerCore::open(PeerId peer, LinkId id) {
  if (link_count_ >= options_.max_links) return nullptr;
  auto& links = peers_[peer];
  if (links.size() >= options_.max_links_per_connection) return nullptr;
  ++link_count_;
  auto window = links.empty() ? nullptr : links.begin()->second->link.window();
  auto& link = links[id];
  link = std::make_unique<Link>(peer, id, link_options_, now(), std::move(window));
  return link.get();
}

void ServerCore::on_frame(PeerId peer, FrameView frame) {
  if (said_bye_) return;
  if (!peers_.contains(peer)) idle_.note(peer, now());
  const auto head = peek(frame);
  if (!head) {
    counters_.stray_frames.fetch_add(1, std::memory_order_relaxed);
    log(fmt::format("peer {}: dropped a frame of {} bytes that has no type and link",
                    static_cast<std::uint64_t>(peer), frame.size()));
    return;
  }
  auto* link = find({peer, head->link});
  if (link == nullptr) {
    const bool hello = head->type == static_cast<std::uint8_t>(MessageType::hello);
    link = hello ? open(peer, head->link) : nullptr;
    if (link == nullptr) {
      if (head->type == static_cast<std::uint8_t>(MessageType::bye)) return;
      counters_.stray_frames.fetch_add(1, std::memory_order_relaxed);
      Writer writer(effects_.frames.add());
      encode(writer, head->link, Bye{hello ? ByeCode::overloaded : ByeCode::unknown_link, 0});
      send_frames(peer);
      return;
    }
  }
  if (head->type == packed_type && (link->features & feature_packing) != 0) {
    unpacked_.clear();
    if (unpack(frame, options_.max_frame_bytes, unpacked_) != Fault::none) {
      return dismiss(*link, ByeCode::malformed);
    }
    return on_transfer(*link, unpacked_);
  }
  if (is_transfer(head->type) && (link->features & feature_transfers) != 0) {
    return on_transfer(*link, frame);
  }
  if (is_wait(head->type, Sender::client) && (link->features & feature_waits) != 0) {
    return on_wait(*link, frame);
  }
  const bool held_back = link->link.window()->full();
  link->link.on_frame(frame, now(), effects_);
  after(*link);
  if (held_back) resume_pushes(peer);
}

/// Lets the links of a peer push that waited for it.
void ServerCore::resume_pushes(PeerId peer) {
  const auto found = peers_.find(peer);
  if (found == peers_.end()) return;
  for (const auto& [id, link] : found->second) schedule(*link);
}

/// Does what a link wants after any of its methods was called. The link may be gone afterwards.
void ServerCore::after(Link& link) {
  for (std::size_t i = 0; i < effects_.events.size(); ++i) {
    const auto event = effects_.events[i];  // handling one may add others
    std::visit([&](const auto& e) { handle(link, e); }, event);
  }
  effects_.events.clear();
  count(link.counted, link.link.stats());
  link.counted = link.link.stats();
  const bool opened = !link.announced && link.link.state() == ServerLink::State::open;
  // Before its welcome is sent: whoever is attached can be sent payloads at once.
  if (opened) announce(link);
  send_frames(link.peer);
  if (opened) payloads_.link_opened(link.session, now());
  if (link.link.state() == ServerLink::State::closed) {
    erase(link);
  } else {
    schedule(link);
  }
}

void ServerCore::send_frames(PeerId peer, Outbox& frames) {
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const auto status = send_frame(peer, frames[i]);
    if (status == SendStatus::sent) continue;
    if (status != SendStatus::peer_gone) {
      // A frame that is left out would tear the link's sequence: the peer starts over instead.
      log(fmt::format("peer {}: cut off, {}", static_cast<std::uint64_t>(peer), to_string(status)));
      transport_.drop(peer);
    }
    break;
  }
  frames.clear();
}

/// Sends a frame, packed where that was agreed on and pays.
SendStatus ServerCore::send_frame(PeerId peer, ByteView frame) {
  const auto type = static_cast<std::uint8_t>(frame.front());
  if (frame.size() < packing_threshold || is_transfer(type) || !may_be_packed(type)) {
    return transport_.send(peer, frame);
  }
  const auto* link = find({peer, peek(frame)->link});
  packed_.clear();
  const bool agreed = link != nullptr && (link->features & feature_packing) != 0;
  return transport_.send(peer, agreed && pack(frame, packed_) ? ByteView{packed_} : frame);
}

void ServerCore::count(const LinkStats& before, const LinkStats& now_stats) {
  const auto add = [](std::atomic<std::uint64_t>& counter, std::uint64_t from, std::uint64_t to) {
    if (to != from) counter.fetch_add(to - from, std::memory_order_relaxed);
  };
  add(counters_.mutations, before.requests, now_stats.requests);
  add(counters_.replies, before.replies, now_stats.replies);
  add(counters_.pushes, before.pushes, now_stats.pushes);
  add(counters_.snapshots, before.snapshots, now_stats.snapshots);
  add(counters_.denied, before.refused, now_stats.refused);
  add(counters_.repeated, before.duplicates, now_stats.duplicates);
}

void ServerCore::schedule(Link& link) {
  deadlines_.set({link.peer, link.link.id()}, link.scheduled, link.link.next_deadline());
}

void ServerCore::erase(Link& link) {
  const LinkKey key{link.peer, link.link.id()};
  deadlines_.set(key, link.scheduled, no_deadline);
  leave(link, nullptr);
  if (link.exposed != nullptr) {
    link.exposed->links.erase(&link);
    feeds_of(*link.exposed, link.logs).close(link.feed);
    if (link.logs) count_log_links(*link.exposed, -1);
    counters_.links_open.fetch_sub(1, std::memory_order_relaxed);
    states_.links_left(counters_.links_open);
  }
  const auto peer = peers_.find(key.first);
  if (peer == peers_.end()) return;
  link_count_ -= peer->second.erase(key.second);
  if (!peer->second.empty()) return;
  peers_.erase(peer);
  idle_.note(key.first, now());
}

void ServerCore::on_peer_gone(PeerId peer) {
  while (true) {
    const auto again = peers_.find(peer);
    if (again == peers_.end()) break;
    erase(*again->second.begin()->second);
  }
  idle_.forget(peer);
}

/// Drops the peers that have had no link for too long.
void ServerCore::cut_off_idle(TransportTime time) {
  while (const auto peer = idle_.take(time)) {
    counters_.idle_closed.fetch_add(1, std::memory_order_relaxed);
    transport_.drop(*peer);
  }
}

/// Drops the peers whose keys are not listed any more.
void ServerCore::cut_off_unlisted() {
  std::vector<PeerId> unlisted;
  for (const auto& [peer, links] : peers_) {
    const auto client = allowed_->find(transport_.key(peer));
    if (!client) unlisted.push_back(peer);
    for (const auto& [id, link] : links) link->may_mutate = client && client->may_mutate;
  }
  for (const auto peer : unlisted) {
    log(fmt::format("peer {}: cut off, its key is not listed any more",
                    static_cast<std::uint64_t>(peer)));
    transport_.drop(peer);
  }
}

}  // namespace am::rpc::internal
