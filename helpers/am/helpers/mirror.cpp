#include <am/helpers/mirror.hpp>

#include <algorithm>
#include <utility>

namespace am {

Schema mirror_schema(const CompiledSchema& source, const std::vector<StateName>& states) {
  for (const auto& name : states) source.id(name.text);  // throws when it is not there
  std::vector<Schema::Entry> entries;
  for (const auto& entry : source.schema().entries()) {
    if (!states.empty() && std::ranges::find(states, entry.name) == states.end()) continue;
    entries.push_back({entry.name, {.multi = entry.state.multi}});
  }
  return Schema(std::move(entries));
}

namespace {

std::vector<PipedState> piped(const Schema& schema) {
  std::vector<PipedState> states;
  for (const auto& entry : schema.entries()) states.push_back({.from = entry.name});
  return states;
}

/// Exception is there when the source has it, and at no other time.
PipeOptions faithful(PipeOptions options) {
  options.with_exception = false;
  return options;
}

}  // namespace

Mirror::Mirror(const Api& source, MirrorOptions options)
    : machine_(mirror_schema(source.schema(), options.states), {.id = std::move(options.id)}),
      pipe_(source, machine_, piped(mirror_schema(source.schema(), options.states)),
            faithful(std::move(options.pipe))) {}

}  // namespace am
