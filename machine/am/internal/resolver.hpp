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
///
/// There are two ways to the same result. The full one walks the list of all active states step by
/// step as the specification does. The usual one looks only at the states that come and go, and at
/// those whose relations they touch; it knows when it cannot tell and leaves the mutation to the
/// full one. Tests hold both against a naive resolver.
class Resolver {
 public:
  /// What a resolution works on.
  struct Input {
    MutationType type;                   ///< add, remove or set
    std::span<const StateIndex> called;  ///< without duplicates, in call order
    std::span<const StateIndex> before;  ///< active states in machine order
    Bits before_bits;                    ///< the same as a set
    /// `settled()` of the resolution that `before` is from; true for no active states.
    bool settled;
  };

  /// Writes the target states, in machine order, to `targets`.
  void resolve(const SchemaData& schema, const Input& input, std::vector<StateIndex>& targets);

  /// Sorts `list` into handler order: by rank of Require, then After (spec 3.6).
  void order(const SchemaData& schema, std::vector<StateIndex>& list);

  /// After `resolve`: the targets as a set.
  Bits target_bits() const noexcept { return list_bits_; }
  /// After `resolve`: every requirement among the targets is met, and none of them removes another.
  /// Only implied states of the second level can do so, as nothing blocks on their account.
  bool settled() const noexcept { return settled_; }
  /// After `resolve`: the mutation was of one state without relations, which it just got.
  bool unopposed() const noexcept { return unopposed_; }
  /// That state.
  StateIndex only() const noexcept { return only_; }

 private:
  // -- the usual way ------------------------------------------------------------

  bool resolve_change(const SchemaData& schema, const Input& input,
                      std::vector<StateIndex>& targets);
  void change_one(const Input& input, std::vector<StateIndex>& targets);
  bool let_in(const SchemaData& schema, const Input& input);
  void block(const SchemaData& schema, const Input& input);
  void drop_dependents(const SchemaData& schema);
  void list_change(const SchemaData& schema, const Input& input, std::vector<StateIndex>& targets);

  // -- the full way -------------------------------------------------------------

  void base_list(const Input& input);
  void append_implied(const SchemaData& schema, const Input& input, Bits excluded);
  void drop_unmet(const SchemaData& schema);
  void drop_blocked(const SchemaData& schema);
  void order_by_rank(const SchemaData& schema, std::vector<StateIndex>& list);
  void order_by_after(const SchemaData& schema, std::vector<StateIndex>& list);

  std::vector<Word> list_bits_;
  std::vector<Word> called_bits_;
  std::vector<Word> dead_;
  bool settled_ = true;
  bool unopposed_ = false;
  StateIndex only_ = 0;
  std::size_t words_ = 0;

  std::vector<StateIndex> entering_;  ///< new ones of the called states, then what those imply
  std::size_t implied_at_ = 0;        ///< where the implied ones start
  std::vector<StateIndex> leaving_;

  std::vector<StateIndex> list_;
  std::vector<StateIndex> kept_;
  std::vector<StateIndex> sorted_;
  std::vector<Word> killed_;
  std::vector<Word> remaining_;
};

}  // namespace am::internal
