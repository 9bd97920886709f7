#include "runner.hpp"

#include <am/machine.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace conformance {

namespace {

am::Result call(am::Api& machine, const Mutation& mutation) {
  switch (mutation.op) {
    case Op::add: return machine.add(mutation.states);
    case Op::remove: return machine.remove(mutation.states);
    case Op::set: return machine.set(mutation.states);
    case Op::toggle: return machine.toggle(mutation.states);
    case Op::can_add: return machine.can_add(mutation.states);
    case Op::can_remove: return machine.can_remove(mutation.states);
  }
  throw std::logic_error("an operation without a call");
}

/// As in `nres`: 0 executed, 1 canceled, else the queue tick.
std::string raw_result(am::Result result) {
  if (result == am::Result::executed) return "0";
  if (result == am::Result::canceled) return "1";
  const auto tick = result.queue_tick().value;
  if (result == am::Result::queued && tick >= 2) return std::to_string(tick);
  // Not to be taken for one of the above.
  return fmt::format("{} at {}", am::to_string(result.kind()), tick);
}

/// As in `tx`: [?][*](+|-|=)A,B[!]
std::string to_text(const am::Transition& transition) {
  Names called;
  for (const auto state : transition.called) called.emplace_back(transition.name(state));
  char type = '+';
  if (transition.type == am::MutationType::remove) type = '-';
  if (transition.type == am::MutationType::set) type = '=';
  return fmt::format("{}{}{}{}{}", transition.check ? "?" : "", transition.automatic ? "*" : "",
                     type, join(called, ","), transition.accepted ? "" : "!");
}

class TransitionRecorder : public am::Tracer {
 public:
  explicit TransitionRecorder(std::shared_ptr<Facts> facts) : facts_(std::move(facts)) {}

  void transition_end(const am::Transition& transition) override {
    facts_->tx.push_back(to_text(transition));
  }

 private:
  std::shared_ptr<Facts> facts_;
};

/// All possible handlers of the case; each writes its name and acts as the case says.
std::vector<am::NamedHandler> make_handlers(const Case& test, const std::shared_ptr<Facts>& facts) {
  auto names = negotiation_handlers(test.states);
  for (auto& name : final_handlers(test.states)) names.push_back(std::move(name));

  std::vector<am::NamedHandler> handlers;
  for (const auto& name : names) {
    const bool accepts = std::ranges::find(test.rejects, name) == test.rejects.end();
    const auto nested = test.nested.find(name);
    const auto* mutation = nested == test.nested.end() ? nullptr : &nested->second;
    handlers.push_back({name, [=](am::Event& event) {
                          const auto called = event.name();
                          facts->handlers.push_back(
                              called == name ? name : fmt::format("{} called as {}", name, called));
                          if (mutation != nullptr && facts->nres.size() < max_nested_calls) {
                            auto machine = event.machine();
                            facts->nres.push_back(raw_result(call(machine, *mutation)));
                          }
                          return accepts;
                        }});
  }
  return handlers;
}

void run_steps(const Case& test, Observed& observed) {
  // The handlers and the tracer write into `facts`, which is emptied after each step.
  const auto facts = std::make_shared<Facts>();
  am::Machine machine(test.schema);
  for (const auto name : machine.schema().names()) observed.states.emplace_back(name);
  observed.cyclic = machine.schema().has_require_cycle();
  machine.trace(std::make_shared<TransitionRecorder>(facts));
  if (test.kind != CaseClass::plain) machine.bind(make_handlers(test, facts));

  for (const auto& step : test.steps) {
    facts->result = {am::to_string(call(machine, step.mutation).kind())};
    for (const auto name : machine.active_states()) facts->active.emplace_back(name);
    for (const auto tick : machine.time().ticks) {
      facts->ticks.push_back(std::to_string(tick.value));
    }
    observed.steps.push_back(std::exchange(*facts, {}));
  }
}

/// Ticks with the names of their states, as far as there are names.
Names with_names(const Names& ticks, const Names& states) {
  Names named;
  for (std::size_t i = 0; i < ticks.size(); ++i) {
    named.push_back(i < states.size() ? fmt::format("{}:{}", states[i], ticks[i]) : ticks[i]);
  }
  return named;
}

}  // namespace

Observed observe(const Case& test) {
  Observed observed;
  try {
    run_steps(test, observed);
  } catch (const std::exception& error) {
    observed.error = error.what();
  }
  return observed;
}

std::vector<Difference> compare(const Case& test, const Observed& observed) {
  std::vector<Difference> differences;
  const auto steps = std::min(test.steps.size(), observed.steps.size());
  // A machine that refused its schema has no states to compare.
  if (observed.error.empty() || !observed.states.empty()) {
    if (test.states != observed.states) {
      differences.push_back({0, "states", test.states, observed.states});
    }
    if (test.cyclic != observed.cyclic) {
      const auto text = [](bool cyclic) { return Names{cyclic ? "true" : "false"}; };
      differences.push_back({0, "cyc", text(test.cyclic), text(observed.cyclic)});
    }
  }
  for (std::size_t i = 0; i < steps; ++i) {
    for (const auto& [name, list] : fields) {
      const auto& expected = test.steps[i].expected.*list;
      const auto& got = observed.steps[i].*list;
      if (expected == got) continue;
      const bool ticks = list == &Facts::ticks;
      differences.push_back({i + 1, name, ticks ? with_names(expected, test.states) : expected,
                             ticks ? with_names(got, observed.states) : got});
    }
  }
  if (!observed.error.empty() || steps != test.steps.size()) {
    differences.push_back({steps + 1, "error", {}, {observed.error}});
  }
  return differences;
}

}  // namespace conformance
