#include <am/format.hpp>

#include <iterator>

namespace am {

namespace {

void inspect_state(std::string& out, std::string_view name, const State& state, Tick tick) {
  const auto line = [&](const char* label, const auto& value) {
    fmt::format_to(std::back_inserter(out), "    |{:<9}{}\n", label, value);
  };
  const auto relation = [&](const char* label, const std::vector<StateName>& states) {
    if (states.empty()) return;
    std::string names;
    for (const auto& s : states) {
      if (!names.empty()) names += ' ';
      names += s.text;
    }
    line(label, names);
  };
  fmt::format_to(std::back_inserter(out), "{} {}\n", tick.active() ? 1 : 0, name);
  line("Tick", tick.value);
  if (state.automatic) line("Auto", true);
  if (state.multi) line("Multi", true);
  relation("Add", state.add);
  relation("Require", state.require);
  relation("Remove", state.remove);
  relation("After", state.after);
}

/// The states of `time` whose activity is `active`, as `A:1 B:3`.
std::string list(const CompiledSchema& schema, const Time& time, bool active) {
  std::string out;
  for (std::size_t i = 0; i < time.size(); ++i) {
    if (time[i].active() != active) continue;
    fmt::format_to(std::back_inserter(out), "{}{}:{}", out.empty() ? "" : " ", schema.names()[i],
                   time[i].value);
  }
  return out;
}

}  // namespace

std::string to_string(const Api& machine, Form form) {
  const auto time = machine.time();
  const auto& schema = machine.schema();
  if (form == Form::inspect) {
    std::string out;
    for (std::size_t i = 0; i < time.size(); ++i) {
      inspect_state(out, schema.names()[i], schema.state(static_cast<StateIndex>(i)), time[i]);
    }
    return out;
  }
  auto out = fmt::format("({})", list(schema, time, true));
  if (form == Form::all) out += fmt::format(" [{}]", list(schema, time, false));
  return out;
}

std::string inspect(const Api& machine, StateList states) {
  std::vector<StateIndex> indexes;
  machine.core()->board().indexes_of(states, indexes);
  const auto time = machine.time();
  const auto& schema = machine.schema();
  std::string out;
  for (const auto i : indexes) inspect_state(out, schema.names()[i], schema.state(i), time[i]);
  return out;
}

std::string to_string(Result result) {
  if (result == Result::queued && result.queue_tick() != QueueTick{})
    return fmt::format("queued at {}", result.queue_tick().value);
  if (result.reason() == Reason::none) return to_string(result.kind());
  return fmt::format("{} ({})", to_string(result.kind()), to_string(result.reason()));
}

}  // namespace am
