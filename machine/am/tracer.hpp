// Watching a machine from inside.
#pragma once

#include <am/error_info.hpp>
#include <am/handlers.hpp>
#include <am/log_level.hpp>
#include <am/transition.hpp>

#include <cstddef>
#include <span>
#include <string_view>

namespace am {

class Api;

/// A mutation on its way into a queue. Valid during the call.
struct QueuedMutation {
  MutationType type = MutationType::add;
  bool automatic = false;  ///< made by the machine for its automatic states
  bool check = false;      ///< a dry run (can_add, can_remove)
  /// Something else is run now, so it has to wait; else it runs at once.
  bool waits = false;
  /// The queue tick at which it runs; 0 for what goes to the front of the queue: checks, and what
  /// the machine adds itself.
  QueueTick queue_tick{};
  /// How many mutations are queued now, this one included.
  std::size_t queue_length = 0;
  const CompiledSchema* schema = nullptr;
  std::span<const StateIndex> called{};  ///< in call order, without duplicates
  const Args* args = nullptr;
  MutationSource source{};

  std::string_view name(StateIndex state) const { return schema->names()[state]; }
};

/// One call of a handler, for tracers.
struct HandlerCall {
  enum class Outcome : std::uint8_t {
    running,
    accepted,  ///< it returned, and did not refuse
    refused,   ///< a negotiation handler returned false
    threw,
    timed_out,
  };

  std::string_view name{};  ///< for example "LockedEnter"
  BindingId binding{};      ///< what `bind` or `on` returned
  std::size_t number = 0;   ///< position among the bindings that the machine has now
  HandlerKind kind = HandlerKind::any_state;
  StateIndex state = 0;
  StateIndex second = 0;  ///< of a pair
  Outcome outcome = Outcome::running;
};

/// Names one call of `Machine::trace`, to detach the tracer again.
struct TracerId {
  std::uint32_t value = 0;
  friend bool operator==(TracerId, TracerId) = default;
};

/// Receives what happens inside a machine, synchronously, in the order in which tracers were
/// attached, on the thread that drains the queue; where it says so, on the thread that calls. Then
/// several can call at a time. Override what you need. A tracer must not block; a mutation that it
/// makes is queued; what it throws is caught and dropped. References are valid during the call. A
/// machine without tracers pays nothing for them.
class Tracer {
 public:
  virtual ~Tracer() = default;

  // -- life -----------------------------------------------------------------------

  /// The machine that this tracer was given to as an option has been made. On its maker's thread.
  virtual void machine_init(const Api& /*machine*/) {}
  /// A machine was made whose parent is the machine of this tracer. On its maker's thread.
  virtual void submachine(const Api& /*child*/) {}
  /// The schema has grown. On the thread that does it.
  virtual void schema_changed(const CompiledSchema& /*before*/, const CompiledSchema& /*after*/) {}
  /// The clocks were replaced by those of a snapshot, between transitions. `changes`, by index, may
  /// go back where that was allowed; the machine tick goes on, and tells clocks before and after
  /// apart.
  virtual void restored(std::span<const TickChange> /*changes*/) {}
  /// The machine was disposed. On the thread that does it.
  virtual void disposed() {}

  // -- errors -----------------------------------------------------------------------

  /// The program adds an error, whatever the mutation comes to, or a handler has thrown. On the
  /// thread that does it.
  virtual void error_added(const ErrorInfo&) {}

  // -- words ------------------------------------------------------------------------

  /// Up to which level `logged` is to be called. Asked as `wants_steps` is.
  virtual LogLevel log_level() const noexcept { return LogLevel::nothing; }
  /// Something that has no callback of its own, in words, or what the program has to say
  /// (`Machine::log`). On the thread that does it.
  virtual void logged(LogLevel, std::string_view /*text*/) {}

  // -- queue ------------------------------------------------------------------------

  /// A mutation is about to run, or was queued behind others. On the mutating thread.
  virtual void mutation_queued(const QueuedMutation&) {}
  /// A mutation was not queued, as one that waits already does the same; the queue tick is that
  /// one's. On the mutating thread.
  virtual void mutation_skipped(const QueuedMutation&) {}
  /// The queue ran empty.
  virtual void queue_end() {}

  // -- transitions ------------------------------------------------------------------

  /// Whether `Transition::steps` is to be recorded. Asked when tracers are attached or detached;
  /// must always answer the same.
  virtual bool wants_steps() const noexcept { return false; }
  /// Relations are resolved, also of a mutation that they refuse.
  virtual void transition_init(const Transition&) {}
  /// Negotiation follows, unless relations have refused.
  virtual void transition_start(const Transition&) {}
  /// A bound handler is about to be called.
  virtual void handler_start(const Transition&, const HandlerCall&) {}
  /// It is over; the call has its outcome.
  virtual void handler_end(const Transition&, const HandlerCall&) {}
  /// Ticks have changed and contexts are stopped; final handlers follow.
  virtual void transition_finals(const Transition&) {}
  /// The transition is over, accepted or not.
  virtual void transition_end(const Transition&) {}
};

}  // namespace am
