// A schema of any names and relations, and mutations of a machine of it.
#include "target.hpp"

#include <am/machine.hpp>

#include <algorithm>
#include <set>
#include <vector>

namespace {

using fuzz::Input;
using fuzz::require;

std::string name(Input& in, std::size_t states) {
  // Mostly one that there is, or nothing gets through.
  const auto pick = in.byte();
  if (pick >= 250) return in.text(8);
  return "S" + std::to_string(states == 0 ? 0 : pick % states);
}

std::vector<am::StateName> names(Input& in, std::size_t states) {
  std::vector<am::StateName> list;
  for (auto n = in.below(3); n > 0; --n) list.emplace_back(name(in, states));
  return list;
}

am::Schema schema(Input& in) {
  const auto states = in.below(24);
  std::vector<am::Schema::Entry> entries;
  for (std::size_t i = 0; i < states; ++i) {
    auto own = "S" + std::to_string(i);
    const auto kind = in.byte();
    if (kind >= 250) own = in.text(12);
    if (kind == 249) own = "Exception";
    if (kind == 248) own = "Heartbeat";
    am::State state{.automatic = (kind & 1U) != 0, .multi = (kind & 2U) != 0};
    if ((kind & 4U) != 0) state.require = names(in, states);
    if ((kind & 8U) != 0) state.add = names(in, states);
    if ((kind & 16U) != 0) state.remove = names(in, states);
    if ((kind & 32U) != 0) state.after = names(in, states);
    if ((kind & 64U) != 0) state.tags.push_back(in.text(6));
    entries.push_back({std::move(own), std::move(state)});
  }
  return am::Schema(std::move(entries));
}

void look(const am::CompiledSchema& schema) {
  require(am::CompiledSchema(schema.schema()).fingerprint() == schema.fingerprint());
  static_cast<void>(schema.notes());
  for (am::StateIndex s = 0; s < schema.size(); ++s) {
    require(schema.find(schema.names()[s]) == s);
    static_cast<void>(schema.relations_of(schema.id(s)));
  }
  // What is sound stays so when it is renamed or doubled.
  require(am::CompiledSchema(schema.schema().prefix("P")).size() == schema.size());
  require(am::CompiledSchema(schema.schema().extend(schema.schema())).size() == schema.size());
}

/// Activity, order and clocks of a machine are one story.
void check(const am::Machine& m, const am::Time& before) {
  const auto now = m.time();
  std::size_t active = 0;
  for (std::size_t i = 0; i < now.size(); ++i) {
    require(now[i] >= before[i]);
    active += now[i].active() ? 1 : 0;
  }
  const auto order = m.active_states();
  require(order.size() == active);
  require(std::set(order.begin(), order.end()).size() == active);
  for (const auto state : order) {
    require(m.is(state));
  }
  require(m.queue_length() == 0);
}

void mutate(am::Machine& m, Input& in) {
  std::vector<am::StateIndex> called;
  const auto operation = in.byte();
  for (auto n = in.below(4); n > 0; --n) {
    called.push_back(static_cast<am::StateIndex>(in.below(m.schema().size())));
  }
  const auto before = m.time();
  const auto check_of = operation % 2 == 0 ? m.can_add(called) : m.can_remove(called);
  require(m.time() == before);
  am::Result result;
  switch (operation % 4) {
    case 0: result = m.add(called); break;
    case 1: result = m.remove(called); break;
    case 2: result = m.set(called); break;
    default: result = m.toggle(called); break;
  }
  if (operation % 4 < 2) require(result.kind() == check_of.kind());
  require(result == am::Result::executed || result == am::Result::canceled);
  if (result == am::Result::canceled) require(m.time() == before);
  check(m, before);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input in(data, size);
  try {
    const am::CompiledSchema compiled(schema(in));
    look(compiled);
    am::Machine m{compiled};
    for (int i = 0; i < 32 && !in.empty(); ++i) mutate(m, in);
  } catch (const am::Error& error) {
    require(error.code() == am::Errc::schema);
  }
  return 0;
}
