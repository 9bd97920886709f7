// A compiled schema: relations as index lists and bit sets. No name is compared after this.
#pragma once

#include <am/internal/bits.hpp>
#include <am/schema.hpp>

#include <string_view>
#include <unordered_map>
#include <vector>

namespace am::internal {

struct SchemaData {
  explicit SchemaData(const Schema& source);
  SchemaData(const SchemaData&) = delete;
  SchemaData& operator=(const SchemaData&) = delete;

  Schema schema;  ///< cleaned, Exception included
  std::vector<std::string_view> names;
  std::unordered_map<std::string_view, StateIndex> by_name;
  StateSet own;  ///< this schema's own set, with a serial of its own
  /// Typed set with the same order (identity mapping for its first states), or &own.
  const StateSet* native = nullptr;

  std::size_t size = 0;
  std::size_t words = 0;
  std::vector<std::vector<StateIndex>> add;
  std::vector<std::vector<StateIndex>> after_list;
  BitMatrix require;
  BitMatrix required_by;  ///< row i: what requires i
  BitMatrix remove;       ///< row i: what i removes
  BitMatrix removed_by;   ///< row i: what removes i
  BitMatrix after;
  std::vector<Word> automatic;
  std::vector<Word> multi;
  std::vector<Word> has_add;
  std::vector<Word> has_require;
  std::vector<Word> has_remove;
  std::vector<Word> has_after;
  std::vector<Word> is_required;  ///< by some state
  std::vector<Word> conflicts;    ///< removes some state or is removed by one
  /// What a resolution has to look at again on every transition while it is active: states with
  /// After, and multi states with Add.
  std::vector<Word> intricate;
  /// States without relations to others: nothing follows from their coming or going.
  std::vector<Word> isolated;
  /// Of those, the ones that change as one bit and no more, whatever else is active: see
  /// LocalCore::run_plain. None in a schema with automatic states or an After.
  std::vector<Word> plain;
  /// Position in the topological order of Require; -1 for states outside of it (spec 3.6).
  std::vector<std::int32_t> rank;
  bool ranked = false;  ///< some rank is not -1
  bool require_cycle = false;
  bool any_automatic = false;
  bool any_multi = false;
  bool any_intricate = false;
  std::vector<Word> health;  ///< Heartbeat and Healthcheck, where declared (spec 4.10)
  StateIndex exception = 0;
  std::vector<DroppedName> dropped;
  std::vector<CompiledGroup> groups;
  std::uint64_t fingerprint = 0;

 private:
  void clean();
  void compile_relations();
  void rank_by_require();
  void compile_groups(const Schema& source);
  void add_groups_of(const StateSet& set, std::string_view name,
                     std::vector<const StateSet*>& seen);
  void take_fingerprint();
};

/// `" (did you mean \"X\"?)"` for the candidate nearest to `name`, or "".
std::string suggestion(std::string_view name, std::span<const std::string_view> candidates);

}  // namespace am::internal
