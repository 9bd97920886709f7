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

namespace internal {
struct SchemaData;
}

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
};

/// An ordered list of named states. The order is the index order of the machine.
class Schema {
 public:
  struct Entry {
    StateName name{};
    State state{};
    friend bool operator==(const Entry&, const Entry&) = default;
  };

  Schema() = default;
  Schema(std::initializer_list<Entry> entries) : entries_(entries) {}
  explicit Schema(std::vector<Entry> entries) : entries_(std::move(entries)) {}
  /// A schema in the order of a typed set; states of the set that `entries` leaves out are plain.
  /// Throws `Error` (schema) for an entry that the set does not have.
  Schema(const StateSet& set, std::vector<Entry> entries);

  const std::vector<Entry>& entries() const noexcept { return entries_; }
  /// The typed set whose order this schema has; null for schemas of names.
  const StateSet* set() const noexcept { return set_; }
  /// The definition of `name`; null when there is none.
  const State* find(std::string_view name) const noexcept;

  friend bool operator==(const Schema& a, const Schema& b) { return a.entries_ == b.entries_; }

 private:
  std::vector<Entry> entries_{};
  const StateSet* set_ = nullptr;
};

/// A checked schema with its relations as indexes and bit sets. Immutable and shared: copies are
/// cheap, any thread may read it, and many machines can be made from one.
class CompiledSchema {
 public:
  /// Checks and compiles. Throws `Error` (schema) naming state and rule: an empty, duplicate, too
  /// long or reserved name, one with a space or control character, a relation to a state that does
  /// not exist, a state that is both required and removed by the same state, or more than
  /// `max_states` states.
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
  /// 64-bit fingerprint of names, order, flags and relations: equal schemas have equal ones.
  std::uint64_t fingerprint() const noexcept;

  const std::shared_ptr<const internal::SchemaData>& data() const noexcept { return data_; }

 private:
  std::shared_ptr<const internal::SchemaData> data_;
};

}  // namespace am
