// What has to hold of a machine, as data.
#pragma once

#include <am/api.hpp>

#include <vector>

namespace am {

/// A condition on a machine's states and ticks: every part that is not empty must hold.
///
///     const am::Condition ready{.is = {"Ready"}, .is_not = {"Busy", "Exception"}};
///     if (ready.check(worker)) ...
struct Condition {
  struct AtLeast {
    StateName state{};
    Tick tick{};
  };

  std::vector<StateName> is{};      ///< all of them are active
  std::vector<StateName> any{};     ///< at least one is active
  std::vector<StateName> is_not{};  ///< none is active
  std::vector<AtLeast> clock{};     ///< each clock has reached its tick

  bool empty() const noexcept {
    return is.empty() && any.empty() && is_not.empty() && clock.empty();
  }
  /// True when all of it holds at one instant; an empty one always does. Throws `Error`
  /// (unknown_state) for a state that the machine does not have. Any thread.
  bool check(const Api& machine) const;
};

}  // namespace am
