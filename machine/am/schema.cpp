#include <am/schema.hpp>

#include <am/error.hpp>
#include <am/internal/schema_data.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <functional>

namespace am {

Schema::Schema(const StateSet& set, std::vector<Entry> entries) : set_(&set) {
  entries_.resize(set.names.size());
  for (std::size_t i = 0; i < set.names.size(); ++i) entries_[i].name = set.names[i];
  for (auto& entry : entries) {
    const auto at = std::ranges::find(entries_, entry.name, &Entry::name);
    if (at == entries_.end()) {
      throw Error(Errc::schema,
                  fmt::format("state \"{}\" is not in the set {}{}", entry.name.text, set.name,
                              internal::suggestion(entry.name.text, set.names)));
    }
    at->state = std::move(entry.state);
  }
}

const State* Schema::find(std::string_view name) const noexcept {
  const auto at =
      std::ranges::find_if(entries_, [&](const Entry& e) { return e.name.text == name; });
  return at == entries_.end() ? nullptr : &at->state;
}

CompiledSchema::CompiledSchema(const Schema& schema)
    : data_(std::make_shared<const internal::SchemaData>(schema)) {}

std::size_t CompiledSchema::size() const noexcept { return data_->size; }
std::span<const std::string_view> CompiledSchema::names() const noexcept { return data_->names; }
const Schema& CompiledSchema::schema() const noexcept { return data_->schema; }
bool CompiledSchema::has_require_cycle() const noexcept { return data_->require_cycle; }
std::uint64_t CompiledSchema::fingerprint() const noexcept { return data_->fingerprint; }

std::optional<StateIndex> CompiledSchema::find(std::string_view name) const noexcept {
  const auto found = data_->by_name.find(name);
  if (found == data_->by_name.end()) return std::nullopt;
  return found->second;
}

StateId CompiledSchema::id(std::string_view name) const {
  if (const auto index = find(name)) return id(*index);
  throw Error(Errc::unknown_state,
              fmt::format("no state \"{}\"{}", name, internal::suggestion(name, data_->names)));
}

StateId CompiledSchema::id(StateIndex index) const {
  if (index >= data_->size) {
    throw Error(Errc::unknown_state,
                fmt::format("no state at index {}: the schema has {}", index, data_->size));
  }
  return index < data_->native->names.size() ? StateId(*data_->native, index)
                                             : StateId(data_->own, index);
}

const State& CompiledSchema::state(StateIndex index) const {
  if (index >= data_->size) {
    throw Error(Errc::unknown_state,
                fmt::format("no state at index {}: the schema has {}", index, data_->size));
  }
  return data_->schema.entries()[index].state;
}

namespace internal {

namespace {

std::uint32_t next_serial() {
  static std::atomic<std::uint32_t> last{0};
  return ++last;
}

/// Number of slips between `a` and `b`: a character too many, missing or wrong, or two neighbours
/// swapped.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before_last.swap(last);
    last.swap(row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substitution = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, substitution});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
  }
  return row[b.size()];
}

void check_name(std::string_view name) {
  if (name.empty()) throw Error(Errc::schema, "a state has an empty name");
  if (name.size() > max_state_name) {
    throw Error(Errc::schema, fmt::format("state \"{}...\" has a name of {} bytes: at most {}",
                                          name.substr(0, 32), name.size(), max_state_name));
  }
  if (std::ranges::any_of(
          name, [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '\x7f'; })) {
    throw Error(Errc::schema,
                fmt::format("state \"{}\" has a space or control character in its name", name));
  }
  if (name == "Any") {
    throw Error(Errc::schema, "state \"Any\" is reserved for the handlers AnyEnter and AnyState");
  }
}

bool contains(const std::vector<StateName>& list, std::string_view name) {
  return std::ranges::any_of(list, [&](const StateName& n) { return n.text == name; });
}

/// 64-bit FNV-1a, fed field by field.
class Fingerprint {
 public:
  void text(std::string_view s) {
    for (const char c : s) byte(static_cast<unsigned char>(c));
    byte(0);
  }
  void byte(unsigned char b) { value_ = (value_ ^ b) * 0x100000001b3ULL; }
  void list(const std::vector<StateName>& names) {
    for (const auto& n : names) text(n.text);
    byte(1);
  }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325ULL;
};

}  // namespace

std::string suggestion(std::string_view name, std::span<const std::string_view> candidates) {
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(1, name.size() / 3) + 1;
  for (const auto candidate : candidates) {
    const auto distance = edit_distance(name, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best.empty() ? std::string{} : fmt::format(" (did you mean \"{}\"?)", best);
}

SchemaData::SchemaData(const Schema& source) : schema(source) {
  auto entries = schema.entries();
  for (const auto& entry : entries) check_name(entry.name.text);
  if (source.find(exception_state) == nullptr) {
    entries.push_back({exception_state, {.multi = true}});
  }
  if (entries.size() > max_states) {
    throw Error(Errc::schema, fmt::format("{} states, Exception included: at most {}",
                                          entries.size(), max_states));
  }
  schema = Schema(std::move(entries), source.groups());
  size = schema.entries().size();
  words = words_for(size);
  names.reserve(size);
  for (const auto& entry : schema.entries()) names.push_back(entry.name.text);
  for (std::size_t i = 0; i < size; ++i) {
    if (!by_name.emplace(names[i], static_cast<StateIndex>(i)).second) {
      throw Error(Errc::schema, fmt::format("state \"{}\" is declared twice", names[i]));
    }
  }
  clean();
  own = {"", names, next_serial(), {}};
  native = source.set() != nullptr ? source.set() : &own;
  compile_relations();
  rank_by_require();
  compile_groups(source);
  take_fingerprint();
}

/// Spec machine 2.3, with unknown names and contradictions refused.
void SchemaData::clean() {
  auto entries = schema.entries();
  for (auto& entry : entries) {
    auto& name = entry.name;
    auto& state = entry.state;
    const auto check_known = [&](const char* relation, const std::vector<StateName>& list) {
      for (const auto& target : list) {
        if (by_name.contains(target.text)) continue;
        throw Error(Errc::schema,
                    fmt::format("state \"{}\" has {} \"{}\", which the schema does not have{}",
                                name.text, relation, target.text, suggestion(target.text, names)));
      }
    };
    check_known("require", state.require);
    check_known("add", state.add);
    check_known("remove", state.remove);
    check_known("after", state.after);
    const auto drop_if = [&](Relation relation, std::vector<StateName>& list, auto&& needless) {
      std::erase_if(list, [&](const StateName& n) {
        if (!needless(n)) return false;
        dropped.push_back({name.text, relation, n.text});
        return true;
      });
    };
    drop_if(Relation::remove, state.remove,
            [&](const StateName& n) { return n == name || contains(state.add, n.text); });
    drop_if(Relation::after, state.after, [&](const StateName& n) { return n == name; });
    for (const auto& target : state.require) {
      if (contains(state.remove, target.text)) {
        throw Error(Errc::schema, fmt::format("state \"{}\" both requires and removes \"{}\"",
                                              name.text, target.text));
      }
    }
  }
  // The views pointed into the names of the schema that is replaced here.
  schema = Schema(std::move(entries), schema.groups());
  names.clear();
  for (const auto& entry : schema.entries()) names.push_back(entry.name.text);
  by_name.clear();
  for (std::size_t i = 0; i < size; ++i) by_name.emplace(names[i], static_cast<StateIndex>(i));
}

void SchemaData::compile_relations() {
  const auto& entries = schema.entries();
  add.resize(size);
  after_list.resize(size);
  require = required_by = remove = removed_by = after = BitMatrix(size, size);
  for (auto* bits : {&automatic, &multi, &has_add, &has_require, &has_remove, &has_after,
                     &is_required, &conflicts, &intricate, &isolated, &plain, &health}) {
    bits->assign(words, 0);
  }
  const auto index_of = [&](const StateName& n) { return by_name.at(n.text); };
  for (std::size_t i = 0; i < size; ++i) {
    const auto& [name, state] = entries[i];
    if (state.automatic) set(automatic, i);
    if (state.multi) set(multi, i);
    for (const auto& n : state.add) add[i].push_back(index_of(n));
    for (const auto& n : state.require) {
      set(require.row(i), index_of(n));
      set(required_by.row(index_of(n)), i);
      set(is_required, index_of(n));
    }
    for (const auto& n : state.remove) {
      set(remove.row(i), index_of(n));
      set(removed_by.row(index_of(n)), i);
      set(conflicts, i);
      set(conflicts, index_of(n));
    }
    for (const auto& n : state.after) {
      after_list[i].push_back(index_of(n));
      set(after.row(i), index_of(n));
    }
    if (!state.add.empty()) set(has_add, i);
    if (!state.require.empty()) set(has_require, i);
    if (!state.remove.empty()) set(has_remove, i);
    if (!state.after.empty()) set(has_after, i);
    if (!state.after.empty() || (state.multi && !state.add.empty())) set(intricate, i);
    if (name.text == "Heartbeat" || name.text == "Healthcheck") set(health, i);
    if (name.text == exception_state) exception = static_cast<StateIndex>(i);
    any_automatic |= state.automatic;
    any_multi |= state.multi;
    any_intricate |= test(intricate, i);
  }
  for (std::size_t w = 0; w < words; ++w) {
    isolated[w] = ~(has_add[w] | has_require[w] | is_required[w] | conflicts[w] | intricate[w]);
    if (!any_automatic && !any_intricate) plain[w] = isolated[w] & ~multi[w];
  }
}

/// Depth-first from each state that requires something, in index order (spec machine 3.6). Any
/// cycle switches ordering by Require off for the whole schema (2.4).
void SchemaData::rank_by_require() {
  enum class Mark : std::uint8_t { fresh, open, done };
  std::vector<Mark> marks(size, Mark::fresh);
  rank.assign(size, -1);
  std::int32_t next = 0;
  const auto& entries = schema.entries();
  struct Frame {
    StateIndex state;
    std::size_t child;
  };
  std::vector<Frame> stack;
  for (std::size_t start = 0; start < size && !require_cycle; ++start) {
    if (marks[start] != Mark::fresh || !test(has_require, start)) continue;
    stack.push_back({static_cast<StateIndex>(start), 0});
    marks[start] = Mark::open;
    while (!stack.empty()) {
      auto& [state, child] = stack.back();
      const auto& required = entries[state].state.require;
      if (child == required.size()) {
        marks[state] = Mark::done;
        rank[state] = next++;
        stack.pop_back();
        continue;
      }
      const auto target = by_name.at(required[child++].text);
      if (marks[target] == Mark::open) {
        require_cycle = true;
        break;
      }
      if (marks[target] == Mark::fresh) {
        marks[target] = Mark::open;
        stack.push_back({target, 0});
      }
    }
  }
  if (require_cycle) rank.assign(size, -1);
  ranked = !require_cycle && next > 0;
}

void SchemaData::compile_groups(const Schema& source) {
  for (const auto& group : source.groups()) {
    CompiledGroup compiled{group.name, {}};
    for (const auto& state : group.states) {
      const auto found = by_name.find(state.text);
      if (found == by_name.end()) {
        throw Error(Errc::schema,
                    fmt::format("group \"{}\" has \"{}\", which the schema does not have{}",
                                group.name, state.text, suggestion(state.text, names)));
      }
      compiled.states.push_back(found->second);
    }
    groups.push_back(std::move(compiled));
  }
  if (source.set() == nullptr || source.set()->bases.empty()) return;
  std::vector<const StateSet*> seen;
  add_groups_of(*source.set(), "self", seen);
}

/// One group for the states that `set` brings, and one for each set that it extends.
void SchemaData::add_groups_of(const StateSet& set, std::string_view name,
                               std::vector<const StateSet*>& seen) {
  if (std::ranges::find(seen, &set) != seen.end()) return;
  seen.push_back(&set);
  CompiledGroup brought{std::string(name), {}};
  for (const auto state : set.names) {
    const bool extended = std::ranges::any_of(set.bases, [&](const StateSet* base) {
      return std::ranges::find(base->names, state) != base->names.end();
    });
    if (!extended) brought.states.push_back(by_name.at(state));
  }
  groups.push_back(std::move(brought));
  for (const auto* base : set.bases) add_groups_of(*base, base->name, seen);
}

void SchemaData::take_fingerprint() {
  Fingerprint print;
  for (const auto& [name, state] : schema.entries()) {
    print.text(name.text);
    print.byte(static_cast<unsigned char>((state.automatic ? 1 : 0) | (state.multi ? 2 : 0)));
    print.list(state.require);
    print.list(state.add);
    print.list(state.remove);
    print.list(state.after);
    for (const auto& tag : state.tags) print.text(tag);
    print.byte(2);
  }
  fingerprint = print.value();
}

}  // namespace internal
}  // namespace am
