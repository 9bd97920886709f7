// What the handlers of a history do: a function of the seed, so that a model can know it.
#pragma once

#include <am/transition.hpp>

#include <cstdint>

namespace histories {

enum class Act : std::uint8_t { accept, refuse, fail };

class Script {
 public:
  explicit Script(std::uint64_t seed) : seed_(seed) {}

  /// Whether there is such a handler.
  bool bound(am::HandlerKind kind, am::StateIndex state, am::StateIndex second) const {
    return hash(0, kind, state, second) % 100 < (kind == am::HandlerKind::pair ? 30U : 60U);
  }
  /// What it does in the transition with this id.
  Act act(std::uint64_t id, am::HandlerKind kind, am::StateIndex state,
          am::StateIndex second) const {
    const auto roll = hash(id, kind, state, second) % 100;
    if (roll < 2) return Act::fail;
    return am::negotiates(kind) && roll < 8 ? Act::refuse : Act::accept;
  }

 private:
  std::uint64_t hash(std::uint64_t id, am::HandlerKind kind, am::StateIndex state,
                     am::StateIndex second) const {
    auto h = seed_;
    for (const std::uint64_t part :
         {id, std::uint64_t(kind), std::uint64_t(state), std::uint64_t(second)}) {  // splitmix64
      h += part + 0x9e3779b97f4a7c15U;
      h = (h ^ (h >> 30U)) * 0xbf58476d1ce4e5b9U;
      h = (h ^ (h >> 27U)) * 0x94d049bb133111ebU;
      h ^= h >> 31U;
    }
    return h;
  }

  std::uint64_t seed_;
};

}  // namespace histories
