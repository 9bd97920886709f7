// A tracer for those who only want to know that something has changed.
#pragma once

#include <am/tracer.hpp>

#include <span>

namespace am::internal {

/// Is told of the ends of transitions, and of errors, restored clocks, a grown schema and the end
/// of the machine, as it overrides them; of nothing else. So a machine with no other tracers runs
/// its plain transitions as if it had none, and only calls `ended`.
class EndTracer : public Tracer {
 public:
  /// A transition is over. `changes` is empty when no tick changed; the queue tick is 0 for what
  /// was not appended. On the draining thread; as a tracer's.
  virtual void ended(std::span<const TickChange> changes, QueueTick queue_tick) = 0;

  void transition_end(const Transition& transition) final {
    ended(transition.changes, transition.queue_tick);
  }
};

}  // namespace am::internal
