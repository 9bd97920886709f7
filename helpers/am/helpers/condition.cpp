#include <am/helpers/condition.hpp>

#include <algorithm>

namespace am {

bool Condition::check(const Api& machine) const {
  const auto time = machine.time();
  const auto& schema = machine.schema();
  const auto tick = [&](const StateName& name) { return time[schema.id(name.text).index()]; };
  // Every name is looked up, so that a wrong one is found in any state of the machine.
  const auto active = [&](const std::vector<StateName>& states) {
    return static_cast<std::size_t>(std::ranges::count_if(
        states, [&](const StateName& state) { return tick(state).active(); }));
  };
  const auto all = active(is) == is.size();
  const auto some = active(any) != 0 || any.empty();
  const auto none = active(is_not) == 0;
  const auto late = std::ranges::count_if(
      clock, [&](const AtLeast& least) { return tick(least.state) < least.tick; });
  return all && some && none && late == 0;
}

}  // namespace am
