// Where the states of a proxy are at its source.
#pragma once

#include <am/rpc/internal/sync_choice.hpp>
#include <am/tick.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace am::rpc::internal {

/// Empty, it says that both have the same order. Otherwise the proxy has learned names only, in an
/// order of its own. Not thread-safe.
class StateMap {
 public:
  /// True when both sides have the same order.
  bool same() const noexcept { return source_.empty(); }
  /// Learns where states are; `own` are the names of the proxy's, in its order.
  void learn(std::span<const NamedState> states, std::span<const std::string_view> own) {
    source_.resize(own.size());
    for (const auto& state : states) {
      const auto at = static_cast<std::size_t>(std::ranges::find(own, state.name) - own.begin());
      if (at == own.size()) continue;
      source_[at] = state.index;
      if (own_.size() <= state.index) own_.resize(std::size_t{state.index} + 1);
      own_[state.index] = static_cast<StateIndex>(at);
    }
  }
  /// A state of the proxy at the source; nothing when the source has not named it.
  std::optional<StateIndex> to_source(StateIndex own) const noexcept {
    return own < source_.size() ? source_[own] : std::nullopt;
  }
  /// The reverse.
  std::optional<StateIndex> to_own(StateIndex source) const noexcept {
    return source < own_.size() ? own_[source] : std::nullopt;
  }

 private:
  std::vector<std::optional<StateIndex>> source_{};
  std::vector<std::optional<StateIndex>> own_{};
};

}  // namespace am::rpc::internal
