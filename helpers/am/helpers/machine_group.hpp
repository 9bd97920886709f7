// Several machines with states of the same names.
#pragma once

#include <am/api.hpp>
#include <am/wait.hpp>

#include <utility>
#include <vector>

namespace am {

/// Machines that are asked together. Copies refer to the same machines. All methods may be called
/// from any thread, and throw `Error` (unknown_state) for a state that one of them does not have.
///
///     const am::MachineGroup workers{{first, second, third}};
///     am::wait_all(workers.when("Ready"), {.limits = {.timeout = 5s}});
class MachineGroup {
 public:
  explicit MachineGroup(std::vector<Api> machines) : machines_(std::move(machines)) {}

  const std::vector<Api>& machines() const noexcept { return machines_; }
  /// True when `states` are active in every machine, each read at its own instant.
  bool is(StateList states) const;
  /// True when `states` are active in at least one machine.
  bool any_is(StateList states) const;
  /// One wait for each machine, in order; for `wait_all`, `wait_any` and the like.
  std::vector<Wait> when(StateList states) const;
  std::vector<Wait> when_not(StateList states) const;
  /// One asynchronous mutation for each machine, in order.
  std::vector<Pending<Result>> add_async(StateList states, const Args& args = {});
  std::vector<Pending<Result>> remove_async(StateList states, const Args& args = {});

 private:
  std::vector<Api> machines_;
};

}  // namespace am
