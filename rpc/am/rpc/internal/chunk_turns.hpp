// Whose chunk is sent next on a connection that many sessions share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

namespace am::rpc::internal {

/// Keeps to one chunk on its way for the whole connection: each of `senders`, by key, gets its turn
/// after the one before. Not thread-safe.
template <class Sender>
class ChunkTurns {
 public:
  using Key = std::uint64_t;

  bool empty() const noexcept { return senders_.empty(); }
  void add(Key key, Sender& sender) { senders_.insert_or_assign(key, &sender); }
  void remove(Key key) { senders_.erase(key); }

  /// The sender that may send a chunk now. Nothing: none wants to, or one is on its way.
  /// O(senders with transfers).
  std::optional<std::pair<Key, Sender*>> next() noexcept {
    for (const auto& [key, sender] : senders_) {
      if (sender->in_flight()) return std::nullopt;
    }
    auto at = senders_.upper_bound(last_);
    for (std::size_t i = 0; i < senders_.size(); ++i, ++at) {
      if (at == senders_.end()) at = senders_.begin();
      if (!at->second->wants_to_send()) continue;
      last_ = at->first;
      return *at;
    }
    return std::nullopt;
  }

 private:
  std::map<Key, Sender*> senders_;
  Key last_ = 0;
};

}  // namespace am::rpc::internal
