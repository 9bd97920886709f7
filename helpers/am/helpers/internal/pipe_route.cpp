#include <am/helpers/internal/pipe_route.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace am::internal {

namespace {

void once(std::vector<StateIndex>& states, StateIndex state) {
  if (std::ranges::find(states, state) == states.end()) states.push_back(state);
}

}  // namespace

PipeSteps pipe_steps(std::span<const PipeRoute> routes, std::span<const TickChange> changes,
                     const std::function<bool(StateIndex target)>& still_fed) {
  PipeSteps steps;
  for (const auto& change : changes) {
    const bool was = change.before.active();
    const bool is = change.after.active();
    for (const auto& route : routes) {
      if (route.from != change.state) continue;
      if (!is && !still_fed(route.to)) once(was ? steps.remove : steps.remove_again, route.to);
      // Gone and back again, unless a multi state was just activated again.
      if (is && was && !route.multi) once(steps.remove, route.to);
      if (is || !was) {
        once(steps.add, route.to);
        steps.error = steps.error || route.error;
      }
    }
  }
  return steps;
}

void log_routes(const Api& source, const Api& target, std::span<const PipeRoute> routes, bool adds,
                bool removes) {
  const auto say = [&](const PipeRoute& route, const char* what) {
    source.core()->log(LogLevel::operations, [&] {
      return fmt::format("[pipe-out:{}] {} to {}", what, source.schema().names()[route.from],
                         target.id());
    });
    target.core()->log(LogLevel::operations, [&] {
      return fmt::format("[pipe-in:{}] {} from {}", what, target.schema().names()[route.to],
                         source.id());
    });
  };
  for (const auto& route : routes) {
    if (adds) say(route, "add");
    if (removes) say(route, "remove");
  }
}

}  // namespace am::internal
