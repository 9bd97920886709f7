// Questions about a compiled schema that no transition asks.
#include <am/schema.hpp>

#include <am/detail/handler_names.hpp>
#include <am/error.hpp>
#include <am/internal/schema_data.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace am {

const char* to_string(Relation relation) noexcept {
  switch (relation) {
    case Relation::after: return "after";
    case Relation::add: return "add";
    case Relation::require: return "require";
    case Relation::remove: return "remove";
  }
  return "?";
}

namespace {

/// In the order in which they are listed.
constexpr std::array kinds{Relation::add, Relation::require, Relation::remove, Relation::after};

const std::vector<StateName>& list_of(const State& state, Relation relation) {
  switch (relation) {
    case Relation::after: return state.after;
    case Relation::add: return state.add;
    case Relation::require: return state.require;
    case Relation::remove: break;
  }
  return state.remove;
}

bool names(const State& state, Relation relation, std::string_view name) {
  return std::ranges::any_of(list_of(state, relation),
                             [&](const StateName& n) { return n.text == name; });
}

/// Throws unless the schema has `name`.
const State& state_of(const CompiledSchema& schema, std::string_view name) {
  if (const auto index = schema.find(name)) return schema.state(*index);
  throw Error(Errc::unknown_state,
              fmt::format("no state \"{}\"{}", name, internal::suggestion(name, schema.names())));
}

}  // namespace

std::vector<Relation> CompiledSchema::relations_of(StateRef state) const {
  const auto& definition = state_of(*this, state.name());
  std::vector<Relation> found;
  std::ranges::copy_if(kinds, std::back_inserter(found),
                       [&](Relation kind) { return !list_of(definition, kind).empty(); });
  return found;
}

std::vector<Relation> CompiledSchema::relations_between(StateRef from, StateRef to) const {
  const auto& definition = state_of(*this, from.name());
  (void)state_of(*this, to.name());
  std::vector<Relation> found;
  std::ranges::copy_if(kinds, std::back_inserter(found),
                       [&](Relation kind) { return am::names(definition, kind, to.name()); });
  return found;
}

std::vector<InboundRelation> CompiledSchema::inbound_relations_of(StateRef state) const {
  (void)state_of(*this, state.name());
  std::vector<InboundRelation> found;
  for (std::size_t i = 0; i < size(); ++i) {
    const auto& [name, definition] = schema().entries()[i];
    if (name.text == state.name()) continue;
    for (const auto kind : kinds) {
      if (am::names(definition, kind, state.name()))
        found.push_back({static_cast<StateIndex>(i), kind});
    }
  }
  return found;
}

std::span<const DroppedName> CompiledSchema::dropped() const noexcept { return data_->dropped; }
std::span<const CompiledGroup> CompiledSchema::groups() const noexcept { return data_->groups; }

std::span<const StateIndex> CompiledSchema::group(std::string_view name) const {
  const auto at = std::ranges::find(data_->groups, name, &CompiledGroup::name);
  if (at != data_->groups.end()) return at->states;
  std::vector<std::string_view> known;
  for (const auto& group : data_->groups) known.push_back(group.name);
  throw Error(Errc::schema, fmt::format("the schema has no group \"{}\"{}", name,
                                        internal::suggestion(name, known)));
}

bool implements(const CompiledSchema& have, const StateSet& need) noexcept {
  return std::ranges::all_of(need.names,
                             [&](std::string_view name) { return have.find(name).has_value(); });
}

void verify(const CompiledSchema& have, const StateSet& need) {
  for (const auto name : need.names) {
    if (have.find(name)) continue;
    throw Error(Errc::schema,
                fmt::format("the schema has no state \"{}\", which the set {} needs{}", name,
                            need.name, internal::suggestion(name, have.names())));
  }
}

// -- notes --------------------------------------------------------------------

namespace {

/// Calls `fn` for each handler name that can be read as one of `shorter` and of `longer`, where
/// the name of `longer` is that of `shorter` and `rest`.
template <class Fn>
void each_ambiguity(const CompiledSchema& schema, std::string_view longer, std::string_view rest,
                    Fn&& fn) {
  const auto ends_a_handler = [&](std::string_view part) {
    return schema.find(part).has_value() ||
           std::ranges::find(detail::handler_suffixes, part) != detail::handler_suffixes.end();
  };
  const auto consider = [&](std::string_view end) {
    if (end.size() <= rest.size() || !end.starts_with(rest)) return;
    const auto end_of_longer = end.substr(rest.size());
    if (ends_a_handler(end_of_longer)) fn(end, fmt::format("{}{}", longer, end_of_longer));
  };
  for (const auto suffix : detail::handler_suffixes) {
    if (!schema.find(suffix)) consider(suffix);
  }
  for (const auto second : schema.names()) consider(second);
}

}  // namespace

std::vector<SchemaNote> CompiledSchema::notes() const {
  std::vector<SchemaNote> notes;
  for (const auto& [state, relation, name] : dropped()) {
    notes.push_back(
        {SchemaNote::Kind::dropped_name,
         fmt::format("state \"{}\" has {} \"{}\", which {}: left out", state, to_string(relation),
                     name, state == name ? "is the state itself" : "it adds as well")});
  }
  if (has_require_cycle()) {
    notes.push_back({SchemaNote::Kind::require_cycle,
                     "require has a cycle: its states activate together only, and handlers are not "
                     "ordered by require"});
  }
  for (const auto suffix : detail::handler_suffixes) {
    if (!find(suffix)) continue;
    notes.push_back({SchemaNote::Kind::ambiguous_handler,
                     fmt::format("state \"{0}\" is named as the end of handlers, so Foo{0} has two "
                                 "meanings: rename it, or bind such handlers by state",
                                 suffix)});
  }
  for (const auto longer : this->names()) {
    for (std::size_t cut = 1; cut < longer.size(); ++cut) {
      const auto shorter = longer.substr(0, cut);
      if (!find(shorter)) continue;
      each_ambiguity(*this, longer, longer.substr(cut),
                     [&](std::string_view end, const auto& name) {
                       notes.push_back(
                           {SchemaNote::Kind::ambiguous_handler,
                            fmt::format("handler \"{}\" can be read as \"{}\" + \"{}\" or \"{}\" + "
                                        "\"{}\": bind it by state",
                                        name, shorter, end, longer, name.substr(longer.size()))});
                     });
    }
  }
  return notes;
}

}  // namespace am
