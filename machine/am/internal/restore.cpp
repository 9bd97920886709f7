// Saving a machine's clocks, and giving them back (spec machine 9.3).
#include <am/error.hpp>
#include <am/internal/extras.hpp>
#include <am/internal/local_core.hpp>
#include <am/internal/publish.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <limits>
#include <utility>

namespace am::detail {

namespace {

constexpr std::string_view restored_state = "MachineRestored";
constexpr auto last_machine_tick = std::numeric_limits<std::uint32_t>::max();
/// The states' ticks go no further than half of what they can count: nothing reaches the other
/// half.
constexpr auto last_tick = std::uint64_t{1} << 63U;

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
  if (snapshot.machine_tick.value >= last_machine_tick) {
    refuse(Errc::invalid_argument, "its machine tick is beyond 32 bits");
  }
  if (std::ranges::any_of(snapshot.time.ticks, [](Tick tick) { return tick.value >= last_tick; })) {
    refuse(Errc::invalid_argument, "a tick of it leaves no room for changes");
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

std::uint64_t LocalCore::epochs() const noexcept {
  const auto* const rare = extras();
  return rare == nullptr ? 0 : rare->epochs.load(std::memory_order_acquire);
}

void LocalCore::restore(const Snapshot& snapshot, Rewind rewind) {
  const auto states = fitting(snapshot, id(), board().schema());
  const auto refuse = [&](Errc code, std::string_view why) {
    throw Error(code, fmt::format("machine \"{}\" cannot be restored: {}", id(), why));
  };
  if (over()) refuse(Errc::disposed, "it is gone");
  if (board().machine_tick() == last_machine_tick) {
    refuse(Errc::invalid_argument, "its machine tick is the last of 32 bits");
  }
  std::exception_ptr refused;
  const auto replace = [&] {
    try {
      take_over(snapshot, states, rewind);
    } catch (...) {
      refused = std::current_exception();
    }
  };
  if (queue_.draining() || !eval(replace, {}, options().dispose_timeout)) {
    refuse(Errc::invalid_argument, "it runs mutations now; restore it before it is used");
  }
  if (refused) std::rethrow_exception(refused);
  if (const auto restored = board().schema().find(restored_state)) add_own(*restored);
}

/// By the drainer, between transitions.
void LocalCore::take_over(const Snapshot& snapshot, std::span<const StateIndex> states,
                          Rewind rewind) {
  refresh_attachments();
  const auto told = board().schema().find(restored_state);
  std::vector<TickChange> changes;
  std::vector<StateIndex> changed, active;
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < states.size(); ++i) {
    auto tick = snapshot.time[i];
    // Of an earlier restore; it has to activate again, or its handlers would not run.
    if (told == states[i] && tick.active()) ++tick.value;
    sum += tick.value;
    if (tick.active()) active.push_back(states[i]);
    const Tick before{board().tick(states[i])};
    if (tick != before) changes.push_back({states[i], before, tick});
  }
  std::ranges::sort(changes, {}, &TickChange::state);
  const auto back =
      std::ranges::find_if(changes, [](const TickChange& c) { return c.after < c.before; });
  if (back != changes.end() && rewind == Rewind::refused) {
    throw Error(
        Errc::invalid_argument,
        fmt::format(
            "machine \"{}\" cannot be restored: the clock of state \"{}\" would go back from "
            "{} to {}; restore a machine before it is used, or pass am::Rewind::allowed",
            id(), board().schema().names()[back->state], back->before.value, back->after.value));
  }
  for (const auto& change : changes) changed.push_back(change.state);
  // Later than all that was seen of this machine as well: who compares clocks may go by it.
  const auto machine_tick =
      std::max(static_cast<std::uint32_t>(snapshot.machine_tick.value), board().machine_tick()) + 1;
  const auto write = [&](ClockBoard::Write& clocks) {
    for (const auto& change : changes) clocks.tick(change.state, change.after.value);
    clocks.machine_tick(machine_tick);
    order_ = active;
  };
  if (back == changes.end()) {
    publish(changed, write);
  } else {
    make_extras().epochs.fetch_add(1, std::memory_order_acq_rel);
    Core::rewind(write);
  }
  tick_sum_ = sum;
  settled_ = false;  // the snapshot may be of other relations
  log(LogLevel::changes, [&] {
    return fmt::format("[import] imported {} times, now at {} ticks", machine_tick, sum);
  });
  each_tracer([&](Tracer& tracer) { tracer.restored(changes); });
  fire_waits(changed);
}

}  // namespace am::detail
