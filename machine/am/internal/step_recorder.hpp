// What relations decide in a transition, told step by step (spec machine 3.3 and 8.6). For those
// who look on: the resolver decides, and as fast as it can; this walks the same way again in plain
// steps, and writes down what matters.
#pragma once

#include <am/transition.hpp>

#include <span>
#include <vector>

namespace am::internal {

/// Appends to `steps` what leads from `transition.before` to its targets, exits included.
void record_relations(const Transition& transition, std::vector<Step>& steps);

/// The same for the second look of an automatic transition, at those of its called states that
/// were not refused.
void record_second_look(const Transition& transition, std::span<const StateIndex> called,
                        std::vector<Step>& steps);

/// The call of a handler as a step.
Step handler_step(HandlerKind kind, StateIndex state, StateIndex second) noexcept;

}  // namespace am::internal
