// Where a mutation was made.
#pragma once

#include <cstdint>
#include <string_view>

namespace am {

/// The transition in which a mutation was made: where it comes from. A view: the name is valid as
/// long as what it was read from.
struct MutationSource {
  std::string_view machine{};    ///< id; "" for mutations that were made outside of all machines
  std::uint64_t transition = 0;  ///< `Transition::id` there
  std::uint64_t time = 0;        ///< sum of all ticks there when that transition began

  bool empty() const noexcept { return machine.empty(); }
  friend bool operator==(const MutationSource&, const MutationSource&) = default;
};

}  // namespace am
