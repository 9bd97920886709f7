#include <am/detail/clock_board.hpp>

#include <am/detail/thread_scratch.hpp>

#include <am/error.hpp>
#include <am/internal/schema_data.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <mutex>
#include <new>
#include <optional>
#include <utility>

namespace am::detail {

namespace {

/// After this many torn reads a reader takes the commit mutex.
constexpr int max_read_retries = 8;

}  // namespace

/// Where the states of a foreign set are in this machine's order. Added at the front of a list that
/// only grows, so that readers need no lock.
struct ClockBoard::Mapping {
  const StateSet* set;
  std::uint32_t serial;
  std::vector<StateIndex> indexes;
  Mapping* next;
};

// -- storage ------------------------------------------------------------------

static_assert(alignof(std::atomic<std::uint64_t>) <= alignof(std::max_align_t));

ClockBoard::NewStorage ClockBoard::make_storage(CompiledSchema schema) {
  const auto size = schema.size();
  const auto words = internal::words_for(size);
  static_assert(sizeof(Storage) % alignof(std::atomic<std::uint64_t>) == 0);
  void* const memory =
      ::operator new(sizeof(Storage) + (words + size) * sizeof(std::atomic<std::uint64_t>));
  auto* const storage = new (memory) Storage{std::move(schema), size, words};
  for (std::size_t i = 0; i < words + size; ++i) {
    new (storage->words() + i) std::atomic<std::uint64_t>(0);
  }
  return NewStorage(storage);
}

void ClockBoard::Destroy::operator()(Storage* storage) const noexcept {
  storage->~Storage();
  ::operator delete(storage);
}

ClockBoard::ClockBoard(CompiledSchema schema)
    : native_(schema.data()->native),
      native_serial_(native_->serial),
      native_size_(static_cast<std::uint32_t>(native_->names.size())),
      storage_(make_storage(std::move(schema)).release()) {}

ClockBoard::~ClockBoard() {
  auto* mapping = mappings_.load(std::memory_order_acquire);
  while (mapping != nullptr) delete std::exchange(mapping, mapping->next);
  for (NewStorage last(&storage()); last != nullptr;) {
    NewStorage former(last->former);
    last = std::move(former);
  }
}

void ClockBoard::grow(NewStorage larger) noexcept {
  const Write seen_as_one_change(*this);
  auto& now = storage();
  for (std::size_t w = 0; w < now.words_size; ++w) {
    larger->words()[w].store(now.words()[w].load(std::memory_order_relaxed),
                             std::memory_order_relaxed);
  }
  for (std::size_t i = 0; i < now.size; ++i) {
    larger->ticks()[i].store(now.ticks()[i].load(std::memory_order_relaxed),
                             std::memory_order_relaxed);
  }
  larger->former = &now;
  storage_.store(larger.release(), std::memory_order_release);
}

// -- states by id and name ----------------------------------------------------

/// Position of an id that this machine's schema gave, as it is or as it was before it grew, or of
/// the typed set that the grown schema is in the order of.
std::optional<StateIndex> ClockBoard::find_own(StateId id) const noexcept {
  for (const auto* s = &storage(); s != nullptr; s = s->former) {
    const auto& data = *s->schema.data();
    for (const auto* set : {&std::as_const(data.own), data.native}) {
      if (id.set() != set || id.serial() != set->serial) continue;
      if (id.index() < set->names.size()) return id.index();
    }
  }
  return std::nullopt;
}

StateIndex ClockBoard::map_foreign(StateId id) const {
  if (!id.valid()) throw Error(Errc::unknown_state, "an invalid state id (StateId{}) was passed");
  if (const auto own = find_own(id)) return *own;
  const auto lookup = [&]() -> std::optional<StateIndex> {
    for (auto* m = mappings_.load(std::memory_order_acquire); m != nullptr; m = m->next) {
      if (m->set != id.set() || m->serial != id.serial()) continue;
      if (id.index() >= m->indexes.size()) break;
      return m->indexes[id.index()];
    }
    return std::nullopt;
  };
  if (const auto index = lookup()) return *index;
  if (id.serial() != 0) {
    throw Error(Errc::unknown_state,
                "a state id of another machine's schema was passed: use the name, or a typed set");
  }
  const StateSet& set = *id.set();
  const auto& schema = this->schema();
  if (id.index() >= set.names.size()) {
    throw Error(Errc::unknown_state,
                fmt::format("the state set {} has no index {}", set.name, id.index()));
  }
  auto mapping = std::make_unique<Mapping>();
  mapping->set = &set;
  mapping->serial = 0;
  for (const auto name : set.names) {
    const auto index = schema.find(name);
    if (!index) {
      throw Error(
          Errc::unknown_state,
          fmt::format("the state set {} does not fit this machine, which has no state \"{}\"{}",
                      set.name, name, internal::suggestion(name, schema.names())));
    }
    mapping->indexes.push_back(*index);
  }
  const auto result = mapping->indexes[id.index()];
  const std::lock_guard lock(commit_mutex_);
  if (!lookup()) {
    mapping->next = mappings_.load(std::memory_order_relaxed);
    mappings_.store(mapping.release(), std::memory_order_release);
  }
  return result;
}

StateIndex ClockBoard::index_of(StateRef ref) const {
  if (ref.by_id()) return index_of(ref.id());
  const auto& schema = this->schema();
  if (const auto index = schema.find(ref.name())) return *index;
  throw Error(Errc::unknown_state, fmt::format("no state \"{}\"{}", ref.name(),
                                               internal::suggestion(ref.name(), schema.names())));
}

void ClockBoard::look_up(const StateList& list, std::vector<StateIndex>& out) const {
  out.clear();
  if (const auto* only = list.only()) {
    out.push_back(index_of(*only));
    return;
  }
  for (std::size_t i = 0; i < list.size(); ++i) {
    StateIndex index = 0;
    if (list.by_index()) {
      index = list.index_at(i);
      if (index >= size()) {
        throw Error(Errc::unknown_state,
                    fmt::format("no state at index {}: the machine has {}", index, size()));
      }
    } else {
      index = index_of(list[i]);
    }
    if (std::ranges::find(out, index) == out.end()) out.push_back(index);
  }
}

/// Runs `read` until it saw no write, at most `max_read_retries` times; then under the mutex.
template <class Read>
void ClockBoard::consistent(Read&& read) const {
  for (int attempt = 0; attempt < max_read_retries; ++attempt) {
    const auto before = seq_.load(std::memory_order_acquire);
    if ((before & 1U) != 0) continue;
    read();
    // The loads in `read` are acquire loads, so this one cannot move before them.
    if (seq_.load(std::memory_order_relaxed) == before) return;
  }
  const std::lock_guard lock(commit_mutex_);
  read();
}

ClockBoard::Tally ClockBoard::tally(const StateList& list) const {
  const auto at = [&](std::size_t i) {
    return list.by_index() ? list.index_at(i) : index_of(list[i]);
  };
  Tally tally;
  const auto count = [&](bool active) { ++(active ? tally.active : tally.inactive); };
  if (list.size() == 1) {
    const auto index = at(0);
    if (index >= size())
      throw Error(Errc::unknown_state, fmt::format("no state at index {}", index));
    count(is(index));
    return tally;
  }
  struct Tallied;
  auto& indexes = thread_scratch<std::vector<StateIndex>, Tallied>();
  indexes_of(list, indexes);
  const bool one_word =
      std::ranges::all_of(indexes, [&](StateIndex i) { return i / 64 == indexes.front() / 64; });
  if (indexes.empty()) return tally;
  if (one_word) {
    const auto word = storage().words()[indexes.front() / 64].load(std::memory_order_acquire);
    for (const auto i : indexes) count(((word >> (i % 64)) & 1U) != 0);
    return tally;
  }
  consistent([&] {
    tally = {};
    for (const auto i : indexes) count(is(i));
  });
  return tally;
}

std::optional<StateIndex> ClockBoard::first_active(const StateList& list) const {
  struct Searched;
  auto& indexes = thread_scratch<std::vector<StateIndex>, Searched>();
  indexes_of(list, indexes);
  std::optional<StateIndex> first;
  consistent([&] {
    const auto found = std::ranges::find_if(indexes, [&](StateIndex i) { return is(i); });
    first = found == indexes.end() ? std::nullopt : std::optional(*found);
  });
  return first;
}

void ClockBoard::snapshot(std::vector<std::uint64_t>& ticks, std::uint64_t* queue_tick,
                          std::uint32_t* machine_tick) const {
  consistent([&] {
    const auto& clocks = storage();
    ticks.resize(clocks.size);
    for (std::size_t i = 0; i < clocks.size; ++i) {
      ticks[i] = clocks.ticks()[i].load(std::memory_order_acquire);
    }
    if (queue_tick != nullptr) *queue_tick = queue_tick_.load(std::memory_order_acquire);
    if (machine_tick != nullptr) *machine_tick = machine_tick_.load(std::memory_order_acquire);
  });
}

}  // namespace am::detail
