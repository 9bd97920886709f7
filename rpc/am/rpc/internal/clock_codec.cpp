#include <am/rpc/internal/clock_codec.hpp>

#include <limits>

namespace am::rpc::internal {

namespace {

// Head of a diff: the number of changes, and which of the two other counters moved.
constexpr std::uint64_t has_queue = 1;
constexpr std::uint64_t has_machine = 2;
constexpr unsigned head_bits = 2;

// Head of a change: the distance to the state before, and the increment when it is small. Most
// increments are 1 (a flip), 2 (there and back, or a multi state) or 3.
constexpr unsigned increment_bits = 2;
constexpr std::uint64_t small_increment = 3;
constexpr std::uint64_t explicit_increment = 0;

constexpr std::uint64_t max_u32 = std::numeric_limits<std::uint32_t>::max();

bool fits(std::uint64_t value, std::uint64_t increment, std::uint64_t max) noexcept {
  return value <= max && increment <= max - value;
}

// One state of make_diff. Returns false when its tick went back.
bool compare(ClocksView base, ClocksView now, std::size_t index, Diff& out) {
  const std::uint64_t before = base.ticks[index];
  const std::uint64_t after = now.ticks[index];
  if (after == before) return true;
  if (after < before) return false;
  out.changes.push_back({static_cast<StateIndex>(index), after - before});
  return true;
}

bool usable(Candidates candidates, std::size_t states) noexcept {
  if (!candidates) return false;
  for (std::size_t i = 0; i < candidates->size(); ++i) {
    if ((*candidates)[i] >= states) return false;
    if (i > 0 && (*candidates)[i] <= (*candidates)[i - 1]) return false;
  }
  return true;
}

bool compare_all(ClocksView base, ClocksView now, Candidates candidates, Diff& out) {
  // A list that breaks its contract costs a scan, never a wrong diff.
  if (usable(candidates, now.ticks.size())) {
    for (const StateIndex index : *candidates) {
      if (!compare(base, now, index, out)) return false;
    }
    return true;
  }
  for (std::size_t index = 0; index < now.ticks.size(); ++index) {
    if (!compare(base, now, index, out)) return false;
  }
  return true;
}

}  // namespace

void ClocksView::copy_to(Clocks& clocks) const {
  clocks.ticks.assign(ticks.begin(), ticks.end());
  clocks.queue_tick = queue_tick;
  clocks.machine_tick = machine_tick;
}

void Diff::clear() noexcept {
  changes.clear();
  queue = 0;
  machine = 0;
}

// -- diffs ---------------------------------------------------------------------------------------

bool make_diff(ClocksView base, ClocksView now, Candidates candidates, Diff& out) {
  out.clear();
  if (base.ticks.size() != now.ticks.size() || now.queue_tick < base.queue_tick ||
      now.machine_tick < base.machine_tick) {
    return false;
  }
  if (!compare_all(base, now, candidates, out)) {
    out.clear();
    return false;
  }
  out.queue = now.queue_tick - base.queue_tick;
  out.machine = now.machine_tick - base.machine_tick;
  return true;
}

void write_diff(Writer& writer, const Diff& diff) {
  writer.varint((std::uint64_t{diff.changes.size()} << head_bits) |
                (diff.queue != 0 ? has_queue : 0) | (diff.machine != 0 ? has_machine : 0));
  std::uint64_t expected = 0;
  for (const Diff::Change& change : diff.changes) {
    const std::uint64_t distance = change.index - expected;
    expected = std::uint64_t{change.index} + 1;
    if (change.increment <= small_increment) {
      writer.varint((distance << increment_bits) | change.increment);
    } else {
      writer.varint((distance << increment_bits) | explicit_increment);
      writer.varint(change.increment);
    }
  }
  if (diff.queue != 0) writer.varint(diff.queue);
  if (diff.machine != 0) writer.varint(diff.machine);
}

bool read_diff(Reader& reader, std::size_t states, Diff& out) {
  out.clear();
  const std::uint64_t head = reader.varint("diff");
  const std::uint64_t count = head >> head_bits;
  if (count > states) reader.fail(Fault::limit, "diff.changes");
  if (count > reader.remaining()) reader.fail(Fault::truncated, "diff.changes");
  if (!reader.ok()) return false;

  std::uint64_t expected = 0;
  for (std::uint64_t i = 0; i < count && reader.ok(); ++i) {
    const std::uint64_t change = reader.varint("diff.change");
    const std::uint64_t distance = change >> increment_bits;
    std::uint64_t increment = change & small_increment;
    if (increment == explicit_increment) {
      increment = reader.varint("diff.increment");
      if (increment <= small_increment) reader.fail(Fault::value, "diff.increment");
    }
    if (!fits(expected, distance, states - 1)) reader.fail(Fault::value, "diff.index");
    if (!reader.ok()) break;
    const std::uint64_t index = expected + distance;
    out.changes.push_back({static_cast<StateIndex>(index), increment});
    expected = index + 1;
  }
  if ((head & has_queue) != 0) {
    out.queue = reader.varint("diff.queue");
    if (out.queue == 0) reader.fail(Fault::value, "diff.queue");
  }
  if ((head & has_machine) != 0) {
    out.machine = static_cast<std::uint32_t>(reader.varint("diff.machine", max_u32));
    if (out.machine == 0) reader.fail(Fault::value, "diff.machine");
  }
  if (!reader.ok()) out.clear();
  return reader.ok();
}

void apply_diff(const Diff& diff, Clocks& clocks) noexcept {
  for (const Diff::Change& change : diff.changes) clocks.ticks[change.index] += change.increment;
  clocks.queue_tick += diff.queue;
  clocks.machine_tick += diff.machine;
}

// -- snapshots -----------------------------------------------------------------------------------

void write_snapshot(Writer& writer, ClocksView clocks, std::uint64_t digest) {
  writer.varint(clocks.ticks.size());
  for (const std::uint64_t tick : clocks.ticks) writer.varint(tick);
  writer.varint(clocks.queue_tick);
  writer.varint(clocks.machine_tick);
  writer.u64(digest);
}

bool read_snapshot(Reader& reader, const Limits& limits, Clocks& out, std::uint64_t& digest) {
  const std::size_t count = reader.count("snapshot.states", limits.states);
  out.ticks.clear();
  out.ticks.reserve(count);
  for (std::size_t i = 0; i < count && reader.ok(); ++i) {
    out.ticks.push_back(reader.varint("snapshot.tick"));
  }
  out.queue_tick = reader.varint("snapshot.queue");
  out.machine_tick = static_cast<std::uint32_t>(reader.varint("snapshot.machine", max_u32));
  digest = reader.u64("snapshot.digest");
  return reader.ok();
}

// -- digest --------------------------------------------------------------------------------------

std::uint64_t digest_of(ClocksView clocks) noexcept {
  std::uint64_t sum =
      mix(queue_position, clocks.queue_tick) + mix(machine_position, clocks.machine_tick);
  for (std::size_t i = 0; i < clocks.ticks.size(); ++i) sum += mix(i, clocks.ticks[i]);
  return sum;
}

bool find_changes(const Clocks& before, ClocksView after, std::vector<StateIndex>& changed) {
  bool forward = after.queue_tick >= before.queue_tick && after.machine_tick >= before.machine_tick;
  changed.clear();
  for (std::size_t i = 0; i < after.ticks.size(); ++i) {
    const std::uint64_t then = i < before.ticks.size() ? before.ticks[i] : 0;
    if (after.ticks[i] != then) changed.push_back(static_cast<StateIndex>(i));
    forward = forward && after.ticks[i] >= then;
  }
  return forward || after.machine_tick > before.machine_tick;
}

std::optional<std::uint64_t> digest_after(ClocksView clocks, std::uint64_t digest,
                                          const Diff& diff) noexcept {
  constexpr std::uint64_t max = std::numeric_limits<std::uint64_t>::max();
  for (const Diff::Change& change : diff.changes) {
    if (change.index >= clocks.ticks.size()) return std::nullopt;
    const std::uint64_t before = clocks.ticks[change.index];
    if (!fits(before, change.increment, max)) return std::nullopt;
    digest += mix(change.index, before + change.increment) - mix(change.index, before);
  }
  if (!fits(clocks.queue_tick, diff.queue, max)) return std::nullopt;
  if (!fits(clocks.machine_tick, diff.machine, max_u32)) return std::nullopt;
  digest +=
      mix(queue_position, clocks.queue_tick + diff.queue) - mix(queue_position, clocks.queue_tick);
  digest += mix(machine_position, std::uint64_t{clocks.machine_tick} + diff.machine) -
            mix(machine_position, clocks.machine_tick);
  return digest;
}

}  // namespace am::rpc::internal
