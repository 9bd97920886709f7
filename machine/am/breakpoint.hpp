// Stopping where a mutation is made.
#pragma once

#include <am/schema.hpp>
#include <am/tracer.hpp>

#include <functional>
#include <vector>

namespace am {

class Machine;

/// Hit when a mutation with exactly these called states, in this order, gets into the queue: once
/// for each, on the thread that makes it, whose stack shows where.
struct Breakpoint {
  enum class When : std::uint8_t {
    always,
    /// Not when all states of an add or set are active already, or of a remove inactive.
    it_matters,
  };

  std::vector<StateName> added{};    ///< by add; none when empty
  std::vector<StateName> removed{};  ///< by remove
  std::vector<StateName> set{};      ///< by set
  When when = When::always;
  /// Called at a hit; raises SIGTRAP, which stops in a debugger and ends the process without one,
  /// when it is empty.
  std::function<void(const QueuedMutation&)> hit{};
};

/// Breaks until the tracer is detached (`Machine::detach`). The log says `[breakpoint]` at level
/// changes. Throws `Error`: unknown_state, or invalid_argument for a breakpoint without states.
TracerId break_on(Machine& machine, Breakpoint breakpoint);

}  // namespace am
