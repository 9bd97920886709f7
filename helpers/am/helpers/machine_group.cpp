#include <am/helpers/machine_group.hpp>

#include <algorithm>

namespace am {

namespace {

template <class Machines, class Fn>
auto of_each(Machines& machines, Fn&& fn) {
  std::vector<decltype(fn(machines.front()))> results;
  results.reserve(machines.size());
  for (auto& machine : machines) results.push_back(fn(machine));
  return results;
}

}  // namespace

bool MachineGroup::is(StateList states) const {
  return std::ranges::all_of(machines_, [&](const Api& machine) { return machine.is(states); });
}

bool MachineGroup::any_is(StateList states) const {
  return std::ranges::any_of(machines_, [&](const Api& machine) { return machine.is(states); });
}

std::vector<Wait> MachineGroup::when(StateList states) const {
  return of_each(machines_, [&](const Api& machine) { return machine.when(states); });
}

std::vector<Wait> MachineGroup::when_not(StateList states) const {
  return of_each(machines_, [&](const Api& machine) { return machine.when_not(states); });
}

std::vector<Pending<Result>> MachineGroup::add_async(StateList states, const Args& args) {
  return of_each(machines_, [&](Api& machine) { return machine.add_async(states, args); });
}

std::vector<Pending<Result>> MachineGroup::remove_async(StateList states, const Args& args) {
  return of_each(machines_, [&](Api& machine) { return machine.remove_async(states, args); });
}

}  // namespace am
