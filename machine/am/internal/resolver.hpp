// Relation resolution: which states a mutation leads to, and in which order (spec machine 3).
// The one place where relations decide anything.
#pragma once

#include <am/internal/schema_data.hpp>
#include <am/transition.hpp>

#include <span>
#include <vector>

namespace am::internal {

/// Resolves mutations. Holds scratch memory only, which it reuses: no allocation once warm.
/// One thread at a time.
class Resolver {
 public:
  /// What a resolution works on.
  struct Input {
    MutationType type;                   ///< add, remove or set
    std::span<const StateIndex> called;  ///< without duplicates, in call order
    std::span<const StateIndex> before;  ///< active states in machine order
    Bits before_bits;                    ///< the same as a set
  };

  /// Writes the target states, in machine order, to `targets`.
  void resolve(const SchemaData& schema, const Input& input, std::vector<StateIndex>& targets);

  /// Sorts `list` into handler order: by rank of Require, then After (spec 3.6).
  void order(const SchemaData& schema, std::vector<StateIndex>& list);

  /// After `resolve`: the targets as a set.
  Bits target_bits() const noexcept { return list_bits_; }

 private:
  void base_list(const Input& input);
  void append_implied(const SchemaData& schema, const Input& input, Bits excluded);
  void drop_unmet(const SchemaData& schema);
  void drop_blocked(const SchemaData& schema);
  void order_by_after(const SchemaData& schema, std::vector<StateIndex>& list);

  std::vector<StateIndex> list_;
  std::vector<StateIndex> kept_;
  std::vector<StateIndex> sorted_;
  std::vector<Word> list_bits_;
  std::vector<Word> called_bits_;
  std::vector<Word> dead_;
  std::vector<Word> killed_;
  std::vector<Word> remaining_;
  std::size_t words_ = 0;
};

}  // namespace am::internal
