// Watching a machine from inside.
#pragma once

#include <am/transition.hpp>

#include <string_view>

namespace am {

/// Receives what happens inside a machine, synchronously, on the thread that drains the queue
/// (`mutation_queued`: on the mutating thread). Override what you need. A tracer must not block; a
/// mutation that it makes is queued; what it throws is caught and dropped. References are valid
/// during the call. A machine without tracers pays nothing for them.
class Tracer {
 public:
  virtual ~Tracer() = default;

  /// A mutation was appended to a busy queue.
  virtual void mutation_queued(MutationType, std::span<const StateIndex> /*called*/, QueueTick) {}
  /// Relations are resolved, also of a mutation that they refuse.
  virtual void transition_init(const Transition&) {}
  /// Ticks have changed and contexts are stopped; final handlers follow.
  virtual void transition_finals(const Transition&) {}
  /// The transition is over, accepted or not.
  virtual void transition_end(const Transition&) {}
  virtual void handler_start(const Transition&, std::string_view /*name*/) {}
  virtual void handler_end(const Transition&, std::string_view /*name*/) {}
  /// The queue ran empty.
  virtual void queue_end() {}
  /// The machine was disposed.
  virtual void disposed() {}
};

}  // namespace am
