#include <am/internal/resolver.hpp>

#include <algorithm>

namespace am::internal {

namespace {

/// True when the two sets share a member that is not in `except`.
bool intersects_without(Bits a, Bits b, Bits except) noexcept {
  for (std::size_t w = 0; w < a.size(); ++w) {
    if ((a[w] & b[w] & ~except[w]) != 0) return true;
  }
  return false;
}

}  // namespace

void Resolver::resolve(const SchemaData& schema, const Input& input,
                       std::vector<StateIndex>& targets) {
  words_ = schema.words;
  assign(called_bits_, words_, input.called);
  base_list(input);
  clear(killed_, words_);
  append_implied(schema, input, killed_);
  drop_unmet(schema);
  drop_blocked(schema);
  // The survivors stand in reversed order here while their Add relations are followed; that makes
  // the second level of implied states come first in the end (spec 3.3).
  std::ranges::reverse(list_);
  append_implied(schema, input, killed_);
  std::ranges::reverse(list_);
  drop_unmet(schema);
  order(schema, list_);
  targets.assign(list_.begin(), list_.end());
}

/// Spec 3.2: add = called, then the active ones; set = called; remove = the active ones but called.
void Resolver::base_list(const Input& input) {
  list_.clear();
  if (input.type != MutationType::remove) {
    list_.assign(input.called.begin(), input.called.end());
  }
  if (input.type != MutationType::set) {
    for (const auto s : input.before) {
      if (!test(called_bits_, s)) list_.push_back(s);
    }
  }
  assign(list_bits_, words_, list_);
}

/// Spec 3.4: one level of Add. States that were active do not imply again unless they are multi.
void Resolver::append_implied(const SchemaData& schema, const Input& input, Bits excluded) {
  if (!intersects(list_bits_, schema.has_add)) return;
  const std::size_t listed = list_.size();
  for (std::size_t i = 0; i < listed; ++i) {
    const auto s = list_[i];
    if (test(input.before_bits, s) && !test(schema.multi, s)) continue;
    for (const auto t : schema.add[s]) {
      if (input.type == MutationType::remove && test(called_bits_, t)) continue;
      if (test(list_bits_, t) || test(excluded, t)) continue;
      set(list_bits_, t);
      list_.push_back(t);
    }
  }
}

/// Drops states with a requirement outside of the list until nothing is dropped.
void Resolver::drop_unmet(const SchemaData& schema) {
  if (!intersects(list_bits_, schema.has_require)) return;
  bool dropped = true;
  while (dropped) {
    dropped = false;
    std::erase_if(list_, [&](StateIndex s) {
      if (subset(schema.require[s], list_bits_)) return false;
      reset(list_bits_, s);
      dropped = true;
      return true;
    });
  }
}

/// Walks the list from its end and drops each state that another one, not dropped so far, removes
/// (spec 3.5). Collects what the survivors remove in `killed_`.
void Resolver::drop_blocked(const SchemaData& schema) {
  clear(dead_, words_);
  if (!intersects(list_bits_, schema.has_remove)) return;
  kept_.clear();
  for (auto it = list_.rbegin(); it != list_.rend(); ++it) {
    if (intersects_without(schema.removed_by[*it], list_bits_, dead_)) {
      set(dead_, *it);
    } else {
      kept_.push_back(*it);
    }
  }
  list_.assign(kept_.rbegin(), kept_.rend());
  for (std::size_t w = 0; w < words_; ++w) list_bits_[w] &= ~dead_[w];
  for (const auto s : list_) {
    const auto removes = schema.remove[s];
    for (std::size_t w = 0; w < words_; ++w) killed_[w] |= removes[w];
  }
}

void Resolver::order(const SchemaData& schema, std::vector<StateIndex>& list) {
  if (list.size() < 2) return;
  if (schema.ranked) {
    const auto by_rank = [&](StateIndex a, StateIndex b) {
      return schema.rank[a] < schema.rank[b];
    };
    if (!std::ranges::is_sorted(list, by_rank)) std::ranges::stable_sort(list, by_rank);
  }
  const bool any_after =
      std::ranges::any_of(list, [&](StateIndex s) { return test(schema.has_after, s); });
  if (any_after) order_by_after(schema, list);
}

/// Repeatedly takes the first remaining state none of whose After names remain; in a cycle, the
/// first remaining one.
void Resolver::order_by_after(const SchemaData& schema, std::vector<StateIndex>& list) {
  assign(remaining_, schema.words, list);
  sorted_.clear();
  while (!list.empty()) {
    auto next = std::ranges::find_if(
        list, [&](StateIndex s) { return !intersects(schema.after[s], remaining_); });
    if (next == list.end()) next = list.begin();
    reset(remaining_, *next);
    sorted_.push_back(*next);
    list.erase(next);
  }
  list.swap(sorted_);
}

}  // namespace am::internal
