// Saving a machine's clocks, and giving them back (spec machine 9.3).
#include <am/error.hpp>
#include <am/internal/local_core.hpp>
#include <am/internal/publish.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>

namespace am::detail {

namespace {

constexpr std::string_view restored_state = "MachineRestored";

/// The states of `snapshot` in this machine's order of indexes. Throws when it does not fit.
std::vector<StateIndex> fitting(const Snapshot& snapshot, const std::string& id,
                                const CompiledSchema& schema) {
  const auto refuse = [&](Errc code, const std::string& why) {
    throw Error(code, fmt::format("the snapshot does not fit machine \"{}\": {}", id, why));
  };
  if (snapshot.id != id) {
    refuse(Errc::invalid_argument,
           fmt::format("it is of machine \"{}\"; give the new one that id", snapshot.id));
  }
  if (snapshot.names.size() != schema.size()) {
    refuse(Errc::schema, fmt::format("it has {} states, the schema has {}", snapshot.names.size(),
                                     schema.size()));
  }
  if (snapshot.time.size() != snapshot.names.size()) {
    refuse(Errc::invalid_argument, fmt::format("it has {} names and {} ticks",
                                               snapshot.names.size(), snapshot.time.size()));
  }
  if (snapshot.machine_tick.value >= std::numeric_limits<std::uint32_t>::max()) {
    refuse(Errc::invalid_argument, "its machine tick is beyond 32 bits");
  }
  std::vector<StateIndex> states;
  for (const auto& name : snapshot.names) {
    const auto index = schema.find(name);
    if (!index) refuse(Errc::unknown_state, fmt::format("no state \"{}\"", name));
    if (std::ranges::find(states, *index) != states.end()) {
      refuse(Errc::schema, fmt::format("it has state \"{}\" twice", name));
    }
    states.push_back(*index);
  }
  return states;
}

}  // namespace

Snapshot LocalCore::save() const {
  Snapshot snapshot{.id = id()};
  std::vector<std::uint64_t> ticks;
  std::uint64_t queue_tick = 0;
  std::uint32_t machine_tick = 0;
  board().snapshot(ticks, &queue_tick, &machine_tick);
  const auto names = board().schema().names();
  for (std::size_t i = 0; i < ticks.size(); ++i) {
    snapshot.names.emplace_back(names[i]);
    snapshot.time.ticks.emplace_back(ticks[i]);
  }
  snapshot.queue_tick = QueueTick{queue_tick};
  snapshot.machine_tick = MachineTick{machine_tick};
  log(LogLevel::operations,
      [&] { return fmt::format("[import] exported at {} ticks", snapshot.time.sum()); });
  return snapshot;
}

void LocalCore::restore(const Snapshot& snapshot) {
  const auto states = fitting(snapshot, id(), board().schema());
  const auto refuse = [&](Errc code, std::string_view why) {
    throw Error(code, fmt::format("machine \"{}\" cannot be restored: {}", id(), why));
  };
  if (over()) refuse(Errc::disposed, "it is gone");
  if (queue_.draining() ||
      !eval([&] { take_over(snapshot, states); }, {}, options().dispose_timeout)) {
    refuse(Errc::invalid_argument, "it runs mutations now; restore it before it is used");
  }
  if (board().schema().find(restored_state)) {
    mutate(Operation::add, StateList(restored_state), {}, {});
  }
}

/// By the drainer, between transitions.
void LocalCore::take_over(const Snapshot& snapshot, std::span<const StateIndex> states) {
  std::vector<std::pair<StateIndex, std::uint64_t>> changes;
  std::vector<StateIndex> changed, active;
  for (std::size_t i = 0; i < states.size(); ++i) {
    const auto tick = snapshot.time[i];
    if (tick.active()) active.push_back(states[i]);
    if (tick.value == board().tick(states[i])) continue;
    changes.emplace_back(states[i], tick.value);
  }
  std::ranges::sort(changes);
  for (const auto& [state, tick] : changes) changed.push_back(state);
  publish(changed, [&](ClockBoard::Write& clocks) {
    for (const auto& [state, tick] : changes) clocks.tick(state, tick);
    clocks.machine_tick(static_cast<std::uint32_t>(snapshot.machine_tick.value + 1));
    order_ = active;
  });
  settled_ = false;  // the snapshot may be of other relations
  log(LogLevel::changes, [&] {
    return fmt::format("[import] imported {} times, now at {} ticks",
                       snapshot.machine_tick.value + 1, snapshot.time.sum());
  });
  fire_waits(changed);
}

}  // namespace am::detail
