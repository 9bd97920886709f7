// States and their relations, as written by a user, and the compiled form that machines share.
#pragma once

#include <am/state_id.hpp>

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace am {

class CompiledSchema;
class Schema;

namespace internal {
struct SchemaData;
Schema grown_schema(const CompiledSchema& now, const Schema& wanted);
}  // namespace internal

/// The most states a schema may have, the injected Exception included.
inline constexpr std::size_t max_states = 4096;
/// The longest state name, in bytes.
inline constexpr std::size_t max_state_name = 255;

/// Name of the state that every machine has: "there is or was an error". Injected as the last
/// state, multi, unless the schema declares it.
inline constexpr std::string_view exception_state = "Exception";

/// A state's name in a schema; made from text or from a typed id.
struct StateName {
  std::string text;

  StateName() = default;
  StateName(const char* name) : text(name) {}             // NOLINT: implicit
  StateName(std::string name) : text(std::move(name)) {}  // NOLINT: implicit
  StateName(std::string_view name) : text(name) {}        // NOLINT: implicit
  StateName(StateId id) : text(id.name()) {}              // NOLINT: implicit

  friend bool operator==(const StateName&, const StateName&) = default;
};

/// Properties and relations of one state. The order of the members is part of the API: designated
/// initialisers follow it.
struct State {
  /// Tries to activate itself after every transition that changed a tick, together with all other
  /// automatic states that are inactive and that no active state removes. What it would add takes
  /// part even when it cannot come itself for want of a requirement, and may keep others out.
  bool automatic = false;
  /// Can be activated again while active: its tick grows by 2 and its handlers run again.
  bool multi = false;
  /// All of these must be active too, else the state cannot be.
  std::vector<StateName> require{};
  /// Activated along with the state where nothing keeps them out; never mandatory. An active multi
  /// state adds them again in every transition, called or not.
  std::vector<StateName> add{};
  /// Never active together with this state: active ones go, incoming ones are kept out.
  std::vector<StateName> remove{};
  /// This state's handlers run after theirs. Does not change which states become active.
  std::vector<StateName> after{};
  /// Free text, `key` or `key:value`.
  std::vector<std::string> tags{};

  friend bool operator==(const State&, const State&) = default;

  /// This state and `more` in one: automatic and multi where either says so, relations of both,
  /// this one's first, each name once. The tags are this state's.
  State extend(const State& more) const;
  /// This state with those relations of `other` that name states, each instead of its own; flags
  /// and tags are this state's.
  State set_relations(const State& other) const;
  /// True when one of the tags is exactly `tag`.
  bool has_tag(std::string_view tag) const noexcept;
  /// What follows `key:` in the first such tag, `key` itself for the tag `key`; nothing without
  /// one. Valid while the state lives and its tags do not change.
  std::optional<std::string_view> tag_value(std::string_view key) const noexcept;
};

/// The kinds of relations between states, numbered as on the wire and in dumps.
enum class Relation : std::uint8_t { after, add, require, remove };

/// "after", "add", "require" or "remove".
const char* to_string(Relation relation) noexcept;

/// Some states of a schema under one name.
struct Group {
  std::string name{};
  std::vector<StateName> states{};
  friend bool operator==(const Group&, const Group&) = default;
};

/// How `Schema::prefix` renames.
struct PrefixOptions {
  /// Names that begin with the prefix stay as they are, be they of states or in relations.
  bool keep_prefixed = false;
  /// The states to take; all when empty. Names are those before renaming, here and below.
  std::vector<std::string> only{};
  /// States to leave out.
  std::vector<std::string> except{};
};

/// An ordered list of named states, and groups of them. The order is the index order of the
/// machine. A value: the methods that combine schemas return new ones and check nothing;
/// `CompiledSchema` does.
class Schema {
 public:
  struct Entry {
    StateName name{};
    State state{};
    friend bool operator==(const Entry&, const Entry&) = default;
  };

  Schema() = default;
  Schema(std::initializer_list<Entry> entries) : entries_(entries) {}
  explicit Schema(std::vector<Entry> entries, std::vector<Group> groups = {})
      : entries_(std::move(entries)), groups_(std::move(groups)) {}
  /// A schema in the order of a typed set; states of the set that `entries` leaves out are plain.
  /// Throws `Error` (schema) for an entry that the set does not have.
  Schema(const StateSet& set, std::vector<Entry> entries);

  const std::vector<Entry>& entries() const noexcept { return entries_; }
  /// The typed set whose order this schema has; null for schemas of names.
  const StateSet* set() const noexcept { return set_; }
  /// The definition of `name`; null when there is none.
  const State* find(std::string_view name) const noexcept;
  /// The groups in the order in which they were added.
  const std::vector<Group>& groups() const noexcept { return groups_; }

  // -- combining ----------------------------------------------------------------
  // The states of the schema that is called come first, with its order and typed set.

  /// Both schemas; where both define a state or a group, the definition of `later` counts, whole.
  Schema merge(const Schema& later) const;
  /// Both schemas; where both define a state it gets the relations and flags of both
  /// (`State::extend`), and a group the states of both.
  Schema extend(const Schema& more) const;
  /// All states and groups renamed to `text` + name, and the names in relations likewise. Exception
  /// keeps its name, as a machine has one. States that are left out are renamed in relations all
  /// the same: `without_unknown` drops those. The result has no typed set.
  Schema prefix(std::string_view text, const PrefixOptions& options = {}) const;
  /// The states with exactly this tag, with all that their relations name. Without typed set.
  Schema filter_by_tag(std::string_view tag) const;
  /// The schema without relations to, and group members of, states that it does not have.
  Schema without_unknown() const;
  /// The schema with one more group; one of the same name is replaced.
  Schema group(std::string name, std::vector<StateName> states) const;

  // -- looking ------------------------------------------------------------------

  /// Names of the states with the tag `tag` or one that begins with `tag:`, in order.
  std::vector<std::string> states_by_tag(std::string_view tag) const;
  /// What the relations of `name` name: add, after, require, remove, one after the other. Empty for
  /// a state that there is not.
  std::vector<StateName> adjacent(std::string_view name) const;

  friend bool operator==(const Schema& a, const Schema& b) {
    return a.entries_ == b.entries_ && a.groups_ == b.groups_;
  }

 private:
  friend Schema internal::grown_schema(const CompiledSchema&, const Schema&);

  State* own_state(std::string_view name) noexcept;
  Group* own_group(std::string_view name) noexcept;
  template <class Meet>
  Schema combine(const Schema& more, Meet&& meet) const;

  std::vector<Entry> entries_{};
  std::vector<Group> groups_{};
  const StateSet* set_ = nullptr;
};

/// A schema of `states` that remove each other, so that at most one of them is active at a time. To
/// be combined with another one: `schema.extend(am::exclusive({"Open", "Closed"}))`.
Schema exclusive(std::vector<StateName> states);
/// The same, with a group called `group` that has these states.
Schema exclusive(std::string group, std::vector<StateName> states);

/// A name that cleaning took out of a relation of a state.
struct DroppedName {
  std::string state{};
  Relation relation = Relation::remove;
  std::string name{};
  friend bool operator==(const DroppedName&, const DroppedName&) = default;
};

/// Something in a schema that is legal and may surprise.
struct SchemaNote {
  enum class Kind : std::uint8_t {
    dropped_name,       ///< cleaning took a name out of a relation
    require_cycle,      ///< handlers are not ordered by Require
    ambiguous_handler,  ///< the name of a handler can be read in two ways
  };
  Kind kind = Kind::dropped_name;
  std::string text{};
};

/// A state that names another one, and how.
struct InboundRelation {
  StateIndex state = 0;
  Relation relation = Relation::after;
  friend bool operator==(const InboundRelation&, const InboundRelation&) = default;
};

/// A group of a compiled schema, by index.
struct CompiledGroup {
  std::string name{};
  std::vector<StateIndex> states{};
  friend bool operator==(const CompiledGroup&, const CompiledGroup&) = default;
};

/// A checked schema with its relations as indexes and bit sets. Immutable and shared: copies are
/// cheap, any thread may read it, and many machines can be made from one.
class CompiledSchema {
 public:
  /// Checks and compiles. Throws `Error` (schema) naming state and rule: an empty, duplicate, too
  /// long or reserved name, one with a space or control character, a relation to a state that does
  /// not exist, a group with such a state, a state that is both required and removed by the same
  /// state, or more than `max_states` states.
  /// Cleaning follows spec machine 2.3: a state's own name leaves its `remove` and `after`, and
  /// `add` beats `remove`.
  CompiledSchema(const Schema& schema);  // NOLINT: implicit

  /// Number of states, Exception included.
  std::size_t size() const noexcept;
  /// Names in index order. Valid while any copy of this schema lives.
  std::span<const std::string_view> names() const noexcept;
  /// Position of `name`, or nothing.
  std::optional<StateIndex> find(std::string_view name) const noexcept;
  /// The state's id in this schema's own set. Throws `Error` (unknown_state) with a suggestion.
  StateId id(std::string_view name) const;
  StateId id(StateIndex index) const;
  /// The cleaned definition of the state at `index`.
  const State& state(StateIndex index) const;
  /// The cleaned schema, Exception included.
  const Schema& schema() const noexcept;
  /// True when Require has a cycle; handler order by Require is then off (spec: machine 2.4).
  bool has_require_cycle() const noexcept;
  /// What cleaning took out of relations, in the order of states.
  std::span<const DroppedName> dropped() const noexcept;
  /// What is legal and may surprise: dropped names, a cycle of Require, and handler names that can
  /// be read in two ways, such as ABEnter for the states A, AB and BEnter. Made anew by each call.
  std::vector<SchemaNote> notes() const;

  /// The kinds of relations that `state` has: add, require, remove, after, in this order. Throws
  /// `Error` (unknown_state), as do the next two.
  std::vector<Relation> relations_of(StateRef state) const;
  /// The kinds of relations in which `from` names `to`, in the same order.
  std::vector<Relation> relations_between(StateRef from, StateRef to) const;
  /// The states that name `state`, in index order, once for each kind of relation; not itself.
  std::vector<InboundRelation> inbound_relations_of(StateRef state) const;

  /// The groups that were added to the schema, in that order. After them, for a typed set that
  /// extends others, one for each set with the states that it brought: "self" for the set itself,
  /// then those that it extends by name, each before what it extends in turn.
  std::span<const CompiledGroup> groups() const noexcept;
  /// The states of a group. Throws `Error` (schema) with a suggestion when there is none of this
  /// name. Valid while any copy of this schema lives.
  std::span<const StateIndex> group(std::string_view name) const;

  /// 64-bit fingerprint of names, order, flags and relations: equal schemas have equal ones.
  std::uint64_t fingerprint() const noexcept;

  const std::shared_ptr<const internal::SchemaData>& data() const noexcept { return data_; }

 private:
  std::shared_ptr<const internal::SchemaData> data_;
};

/// True when `have` has all states of `need`, in whatever order.
bool implements(const CompiledSchema& have, const StateSet& need) noexcept;
/// Throws `Error` (schema) that names the first state of `need` which `have` lacks, with a
/// suggestion.
void verify(const CompiledSchema& have, const StateSet& need);

}  // namespace am
