#include <am/transition.hpp>

#include <am/detail/core.hpp>
#include <am/internal/handler_table.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace am {

const char* to_string(MutationType type) noexcept {
  switch (type) {
    case MutationType::add: return "add";
    case MutationType::remove: return "remove";
    case MutationType::set: return "set";
  }
  return "?";
}

std::string describe(const CancelInfo& cancel, const CompiledSchema& schema) {
  const auto name = [&](StateIndex state) -> std::string_view {
    return state < schema.size() ? schema.names()[state] : std::string_view("a state");
  };
  const auto handler = [&](std::string_view did) {
    return fmt::format(
        "{} {}", internal::handler_name(schema, cancel.handler, cancel.state, cancel.by), did);
  };
  switch (cancel.reason) {
    case Reason::none: return {};
    case Reason::relation:
      if (cancel.by == CancelInfo::none) {
        return fmt::format("{} is kept out by relations", name(cancel.state));
      }
      return fmt::format("{} is removed by {}", name(cancel.state), name(cancel.by));
    case Reason::requirement:
      return fmt::format("{} requires {}", name(cancel.state), name(cancel.by));
    case Reason::handler: return handler("refused");
    case Reason::error: return handler("threw");
    case Reason::timeout: return handler("took too long");
    default: return to_string(cancel.reason);
  }
}

const std::string& Transition::machine_id() const noexcept { return core->id(); }

namespace {

bool holds(std::span<const StateIndex> list, const Transition& transition, StateRef state) {
  return std::ranges::find(list, transition.core->board().index_of(state)) != list.end();
}

}  // namespace

bool Transition::is_called(StateRef state) const { return holds(called, *this, state); }
bool Transition::is_target(StateRef state) const { return holds(targets, *this, state); }
bool Transition::was_active(StateRef state) const { return holds(before, *this, state); }
bool Transition::is_entered(StateRef state) const { return holds(enters, *this, state); }
bool Transition::is_exited(StateRef state) const { return holds(exits, *this, state); }

Time Transition::time_before() const {
  std::vector<std::uint64_t> ticks;
  core->board().snapshot(ticks);
  for (const auto& change : changes) ticks[change.state] = change.before.value;
  Time time;
  time.ticks.reserve(ticks.size());
  for (const auto tick : ticks) time.ticks.emplace_back(tick);
  return time;
}

std::string to_string(const Transition& transition) {
  auto text = fmt::format("tx#{}\n[{}]", transition.id, to_string(transition.type));
  const auto out = std::back_inserter(text);
  for (const auto s : transition.called) fmt::format_to(out, " {}", transition.name(s));
  if (const auto& source = transition.source; !source.empty()) {
    fmt::format_to(out, "\nsource: [{0}]({1}/{0}/t{2})", source.transition, source.machine,
                   source.time);
  }
  for (const auto& step : transition.steps) {
    fmt::format_to(out, "\n- {}", to_string(step, *transition.schema));
  }
  return text;
}

}  // namespace am
