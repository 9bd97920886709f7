// Schemas made from schemas: merging, extending, renaming, selecting.
#include <am/schema.hpp>

#include <am/detail/state_bases.hpp>

#include <algorithm>
#include <utility>

namespace am {

// -- states -------------------------------------------------------------------

namespace {

using Names = std::vector<StateName>;

bool contains(const Names& list, std::string_view name) {
  return std::ranges::find(list, name, [](const StateName& n) -> std::string_view {
           return n.text;
         }) != list.end();
}

void add_new(Names& list, const Names& more) {
  Names all;
  for (const auto* names : {&std::as_const(list), &more}) {
    for (const auto& name : *names) {
      if (!contains(all, name.text)) all.push_back(name);
    }
  }
  list = std::move(all);
}

/// Calls `fn` for each list of relations of `state`.
template <class S, class Fn>
void each_relation(S& state, Fn&& fn) {
  fn(state.require);
  fn(state.add);
  fn(state.remove);
  fn(state.after);
}

/// True for "key:value" with this key.
bool has_key(std::string_view tag, std::string_view key) {
  return tag.size() > key.size() && tag.starts_with(key) && tag[key.size()] == ':';
}

}  // namespace

State State::extend(const State& more) const {
  State both = *this;
  both.automatic |= more.automatic;
  both.multi |= more.multi;
  if (!more.require.empty()) add_new(both.require, more.require);
  if (!more.add.empty()) add_new(both.add, more.add);
  if (!more.remove.empty()) add_new(both.remove, more.remove);
  if (!more.after.empty()) add_new(both.after, more.after);
  return both;
}

State State::set_relations(const State& other) const {
  State changed = *this;
  if (!other.require.empty()) changed.require = other.require;
  if (!other.add.empty()) changed.add = other.add;
  if (!other.remove.empty()) changed.remove = other.remove;
  if (!other.after.empty()) changed.after = other.after;
  return changed;
}

bool State::has_tag(std::string_view tag) const noexcept {
  return std::ranges::find(tags, tag) != tags.end();
}

std::optional<std::string_view> State::tag_value(std::string_view key) const noexcept {
  for (const std::string_view tag : tags) {
    if (tag == key) return tag;
    if (has_key(tag, key)) return tag.substr(key.size() + 1);
  }
  return std::nullopt;
}

// -- schemas ------------------------------------------------------------------

State* Schema::own_state(std::string_view name) noexcept {
  return const_cast<State*>(std::as_const(*this).find(name));
}

Group* Schema::own_group(std::string_view name) noexcept {
  const auto at = std::ranges::find(groups_, name, &Group::name);
  return at == groups_.end() ? nullptr : &*at;
}

/// This schema and what is new in `more`; `meet` is called for what both have.
template <class Meet>
Schema Schema::combine(const Schema& more, Meet&& meet) const {
  if (entries_.empty() && groups_.empty()) return more;
  Schema both = *this;
  for (const auto& entry : more.entries_) {
    if (auto* mine = both.own_state(entry.name.text)) {
      meet(*mine, entry.state);
    } else {
      both.entries_.push_back(entry);
    }
  }
  for (const auto& group : more.groups_) {
    if (auto* mine = both.own_group(group.name)) {
      meet(*mine, group);
    } else {
      both.groups_.push_back(group);
    }
  }
  return both;
}

Schema Schema::merge(const Schema& later) const {
  return combine(later, [](auto& mine, const auto& other) { mine = other; });
}

namespace {

struct Extend {
  void operator()(State& mine, const State& more) const { mine = mine.extend(more); }
  void operator()(Group& mine, const Group& more) const { add_new(mine.states, more.states); }
};

}  // namespace

Schema Schema::extend(const Schema& more) const { return combine(more, Extend{}); }

Schema Schema::prefix(std::string_view text, const PrefixOptions& options) const {
  const auto rename = [&](StateName& name) {
    if (name.text == exception_state) return;
    if (options.keep_prefixed && name.text.starts_with(text)) return;
    name.text.insert(0, text);
  };
  const auto is_in = [](const std::vector<std::string>& names, const StateName& name) {
    return std::ranges::find(names, name.text) != names.end();
  };
  const auto taken = [&](const StateName& name) {
    return (options.only.empty() || is_in(options.only, name)) && !is_in(options.except, name);
  };
  Schema renamed;
  for (auto entry : entries_) {
    if (!taken(entry.name)) continue;
    rename(entry.name);
    each_relation(entry.state, [&](Names& list) { std::ranges::for_each(list, rename); });
    renamed.entries_.push_back(std::move(entry));
  }
  for (auto group : groups_) {
    std::erase_if(group.states, [&](const StateName& name) { return !taken(name); });
    std::ranges::for_each(group.states, rename);
    group.name.insert(0, text);
    renamed.groups_.push_back(std::move(group));
  }
  return renamed;
}

Schema Schema::filter_by_tag(std::string_view tag) const {
  Schema found;
  std::ranges::copy_if(entries_, std::back_inserter(found.entries_),
                       [&](const Entry& entry) { return entry.state.has_tag(tag); });
  return found;
}

Schema Schema::without_unknown() const {
  Schema known = *this;
  const auto drop = [&](Names& list) {
    std::erase_if(list, [&](const StateName& name) {
      return name.text != exception_state && std::as_const(*this).find(name.text) == nullptr;
    });
  };
  for (auto& entry : known.entries_) each_relation(entry.state, drop);
  for (auto& group : known.groups_) drop(group.states);
  return known;
}

Schema Schema::group(std::string name, std::vector<StateName> states) const {
  return merge(Schema({}, {{std::move(name), std::move(states)}}));
}

std::vector<std::string> Schema::states_by_tag(std::string_view tag) const {
  std::vector<std::string> found;
  for (const auto& [name, state] : entries_) {
    if (std::ranges::any_of(state.tags,
                            [&](const std::string& t) { return t == tag || has_key(t, tag); })) {
      found.push_back(name.text);
    }
  }
  return found;
}

std::vector<StateName> Schema::adjacent(std::string_view name) const {
  std::vector<StateName> names;
  const auto* state = find(name);
  if (state == nullptr) return names;
  for (const auto* list : {&state->add, &state->after, &state->require, &state->remove}) {
    names.insert(names.end(), list->begin(), list->end());
  }
  return names;
}

// -- exclusive states -----------------------------------------------------------

Schema exclusive(std::vector<StateName> states) {
  std::vector<Schema::Entry> entries;
  for (const auto& name : states) {
    State state;
    for (const auto& other : states) {
      if (other != name) state.remove.push_back(other);
    }
    entries.push_back({name, std::move(state)});
  }
  return Schema(std::move(entries));
}

Schema exclusive(std::string group, std::vector<StateName> states) {
  Schema schema = exclusive(states);
  return Schema(schema.entries(), {{std::move(group), std::move(states)}});
}

Schema detail::schema_of(const StateSet& set, const Schema& definitions,
                         std::initializer_list<Schema::Entry> later) {
  auto entries = definitions.entries();
  entries.insert(entries.end(), later.begin(), later.end());
  Schema schema(set, std::move(entries));
  for (const auto& [name, states] : definitions.groups()) schema = schema.group(name, states);
  return schema;
}

}  // namespace am
