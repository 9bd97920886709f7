#include <am/breakpoint.hpp>

#include <am/error.hpp>
#include <am/machine.hpp>

#include <algorithm>
#include <csignal>
#include <memory>
#include <string>
#include <utility>

namespace am {

namespace {

using Indexes = std::vector<StateIndex>;

class BreakpointTracer final : public Tracer {
 public:
  BreakpointTracer(const Machine& machine, Breakpoint breakpoint)
      : machine_(machine.core()),
        when_(breakpoint.when),
        hit_(std::move(breakpoint.hit)),
        added_(indexes(machine, breakpoint.added)),
        removed_(indexes(machine, breakpoint.removed)),
        set_(indexes(machine, breakpoint.set)) {}

  void mutation_queued(const QueuedMutation& mutation) override {
    if (mutation.check || !stops_at(mutation)) return;
    const auto core = machine_.lock();
    if (core == nullptr) return;
    const Api machine(core);
    if (when_ == Breakpoint::When::it_matters && !matters(machine, mutation)) return;
    machine.core()->say(LogLevel::changes, "[breakpoint] Machine.breakpoint");
    if (hit_) {
      hit_(mutation);
    } else {
      std::raise(SIGTRAP);
    }
  }

 private:
  static Indexes indexes(const Machine& machine, const std::vector<StateName>& names) {
    Indexes found;
    for (const auto& name : names) {
      found.push_back(machine.core()->board().index_of(StateRef(name.text)));
    }
    return found;
  }

  bool stops_at(const QueuedMutation& mutation) const {
    const auto& states = mutation.type == MutationType::add      ? added_
                         : mutation.type == MutationType::remove ? removed_
                                                                 : set_;
    return !states.empty() && std::ranges::equal(states, mutation.called);
  }

  static bool matters(const Api& machine, const QueuedMutation& mutation) {
    const StateList called(mutation.called);
    return mutation.type == MutationType::remove ? !machine.is_not(called) : !machine.is(called);
  }

  const std::weak_ptr<detail::Core> machine_;  // which keeps its tracers
  const Breakpoint::When when_;
  const std::function<void(const QueuedMutation&)> hit_;
  const Indexes added_;
  const Indexes removed_;
  const Indexes set_;
};

}  // namespace

TracerId break_on(Machine& machine, Breakpoint breakpoint) {
  if (breakpoint.added.empty() && breakpoint.removed.empty() && breakpoint.set.empty()) {
    throw Error(Errc::invalid_argument,
                "a breakpoint without states would never be hit: name some as added, removed or "
                "set");
  }
  return machine.trace(std::make_shared<BreakpointTracer>(machine, std::move(breakpoint)));
}

}  // namespace am
