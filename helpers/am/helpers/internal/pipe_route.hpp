// What a pipe makes of changes, without its threads, and how it is told in logs.
#pragma once

#include <am/api.hpp>
#include <am/transition.hpp>

#include <functional>
#include <span>
#include <vector>

namespace am::internal {

struct PipeRoute {
  StateIndex from = 0;
  StateIndex to = 0;
  bool multi = false;  ///< the source's state
  bool error = false;  ///< comes with Exception
};

/// Mutations of a target, in this order.
struct PipeSteps {
  std::vector<StateIndex> remove;
  std::vector<StateIndex> add;
  std::vector<StateIndex> remove_again;  ///< came and went between two looks
  bool error = false;                    ///< one of `add` comes with Exception

  bool empty() const noexcept { return remove.empty() && add.empty() && remove_again.empty(); }
};

/// The steps for `changes` of a source. `still_fed` says whether a target state has another active
/// source.
PipeSteps pipe_steps(std::span<const PipeRoute> routes, std::span<const TickChange> changes,
                     const std::function<bool(StateIndex target)>& still_fed);

/// Says in the logs of both machines which states are piped now.
void log_routes(const Api& source, const Api& target, std::span<const PipeRoute> routes, bool adds,
                bool removes);

}  // namespace am::internal
