#include <am/helpers/mutate.hpp>

#include <am/error.hpp>
#include <am/helpers/internal/joint.hpp>

#include <fmt/format.h>

#include <optional>
#include <utility>

namespace am {

bool add_sync(Api machine, StateList states, Args args, Limits limits) {
  const auto deadline = limits.deadline();
  const auto result = machine.add_async(states, std::move(args)).get_until(deadline, limits.stop);
  return result && *result == Result::executed && machine.is(states);
}

bool remove_sync(Api machine, StateList states, Args args, Limits limits) {
  const auto deadline = limits.deadline();
  const auto result =
      machine.remove_async(states, std::move(args)).get_until(deadline, limits.stop);
  return result && *result == Result::executed && machine.is_not(states);
}

// -- add and wait -------------------------------------------------------------------

namespace {

class Adding final : public internal::Joint<AddedAndWaited> {
 public:
  using Joint::Joint;
};

std::shared_ptr<Adding> start(Api& machine, StateList states, StateRef wait_for, Args args) {
  const auto came = machine.when_next_active(wait_for);
  auto adding = std::make_shared<Adding>(machine.core());
  const std::weak_ptr weak = adding;
  const auto added = machine.add_async(states, std::move(args));
  adding->keep(came.then(internal::DirectExecutor::instance(), [weak, added](Ended ended) {
    const auto self = weak.lock();
    if (self == nullptr) return;
    self->decide({.result = added.value().value_or(Result::queued), .ended = ended});
  }));
  adding->keep(added.then(internal::DirectExecutor::instance(), [weak](Result result) {
    if (result == Result::executed) return;
    if (const auto self = weak.lock()) self->decide({.result = result, .ended = Ended::stopped});
  }));
  return adding;
}

}  // namespace

AddedAndWaited add_and_wait(Api machine, StateList states, StateRef wait_for, Args args,
                            Limits limits) {
  const auto deadline = limits.deadline();
  const Pending<AddedAndWaited> pending(start(machine, states, wait_for, std::move(args)));
  if (const auto outcome = pending.get_until(deadline, limits.stop)) return *outcome;
  return {.ended = limits.stop.stop_requested() ? Ended::stopped : Ended::timeout};
}

Pending<AddedAndWaited> add_and_wait_async(Api machine, StateList states, StateRef wait_for,
                                           Args args, Limits limits) {
  auto adding = start(machine, states, wait_for, std::move(args));
  adding->limit(limits, limits.timers != nullptr ? limits.timers : machine.core()->timers(), adding,
                [](Ended how) { return AddedAndWaited{.ended = how}; });
  return Pending<AddedAndWaited>(std::move(adding));
}

// -- asking first ---------------------------------------------------------------------

Result ask_add(Api machine, StateList states, Args args) {
  const auto answer = machine.can_add(states, args);
  if (answer != Result::executed && answer != Result::queued) return answer;
  return machine.add(states, std::move(args));
}

Result ask_remove(Api machine, StateList states, Args args) {
  const auto answer = machine.can_remove(states, args);
  if (answer != Result::executed && answer != Result::queued) return answer;
  return machine.remove(states, std::move(args));
}

namespace {

bool refused(const Api& machine, Result answer, const char* function) {
  if (answer == Result::queued) {
    throw Error(Errc::would_deadlock,
                fmt::format("{}: machine \"{}\" cannot answer while its own handler waits: use "
                            "ask_add, or ask outside of the handler",
                            function, machine.id()));
  }
  return answer == Result::canceled;
}

}  // namespace

bool cant_add(Api machine, StateList states, Args args) {
  return refused(machine, machine.can_add(states, std::move(args)), "cant_add");
}

bool cant_remove(Api machine, StateList states, Args args) {
  return refused(machine, machine.can_remove(states, std::move(args)), "cant_remove");
}

}  // namespace am
