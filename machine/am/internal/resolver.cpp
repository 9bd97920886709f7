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
  const bool usual = input.settled && input.type != MutationType::set &&
                     !(schema.any_intricate && intersects(schema.intricate, input.before_bits));
  if (usual) {
    list_bits_.resize(words_);
    for (std::size_t w = 0; w < words_; ++w) list_bits_[w] = input.before_bits[w];
    settled_ = true;
    unopposed_ = input.called.size() == 1 && test(schema.isolated, input.called.front());
    if (unopposed_) return change_one(input, targets);
    if (resolve_change(schema, input, targets)) return;
  }
  unopposed_ = false;
  assign(called_bits_, words_, input.called);
  base_list(input);
  clear(killed_, words_);
  append_implied(schema, input, killed_);
  drop_unmet(schema);
  drop_blocked(schema);
  // The survivors stand in reversed order here while their Add relations are followed; that makes
  // the second level of implied states come first in the end (spec 3.3).
  const auto survivors = list_.size();
  std::ranges::reverse(list_);
  append_implied(schema, input, killed_);
  std::ranges::reverse(list_);
  settled_ = list_.size() == survivors || !intersects(list_bits_, schema.has_remove);
  drop_unmet(schema);
  order(schema, list_);
  targets.assign(list_.begin(), list_.end());
}

// -- the usual way ------------------------------------------------------------------------

/// Works on a settled set of active states: whatever is wrong after the mutation has to do with a
/// state that comes or goes. False when the full way has to be taken.
bool Resolver::resolve_change(const SchemaData& schema, const Input& input,
                              std::vector<StateIndex>& targets) {
  entering_.clear();
  leaving_.clear();
  if (input.type == MutationType::add) {
    if (!let_in(schema, input)) return false;
  } else {
    for (const auto s : input.called) {
      if (!test(list_bits_, s)) continue;
      reset(list_bits_, s);
      leaving_.push_back(s);
    }
  }
  drop_dependents(schema);
  list_change(schema, input, targets);
  return true;
}

/// One state without relations comes, goes, or is called to the front. It has no rank, so that is
/// where it stays.
void Resolver::change_one(const Input& input, std::vector<StateIndex>& targets) {
  const auto s = only_ = input.called.front();
  const bool adds = input.type == MutationType::add;
  const bool active = test(input.before_bits, s);
  targets.resize(input.before.size() + (adds ? 1 : 0) - (active ? 1 : 0));
  auto to = targets.begin();
  auto from = input.before.begin();
  if (adds) *to++ = s;
  if (active) {
    for (; *from != s; ++from) *to++ = *from;
    ++from;
  }
  std::copy(from, input.before.end(), to);
  if (adds) {
    set(list_bits_, s);
  } else {
    reset(list_bits_, s);
  }
}

/// The called states, what they imply, and whom that removes. False for what is not usual: unmet
/// requirements, a second level of implied states.
bool Resolver::let_in(const SchemaData& schema, const Input& input) {
  const auto enter = [&](StateIndex s) {
    if (test(list_bits_, s)) return;
    set(list_bits_, s);
    entering_.push_back(s);
  };
  for (const auto s : input.called) enter(s);
  implied_at_ = entering_.size();
  for (std::size_t i = 0; i < implied_at_; ++i) {
    for (const auto t : schema.add[entering_[i]]) enter(t);
  }
  bool conflict = false;
  for (const auto s : entering_) {
    if (test(schema.intricate, s)) return false;
    if (test(schema.has_require, s) && !subset(schema.require[s], list_bits_)) return false;
    conflict |= test(schema.conflicts, s);
  }
  if (conflict) block(schema, input);
  for (const auto s : entering_) {
    if (!test(list_bits_, s)) continue;
    for (const auto t : schema.add[s]) {
      if (!test(list_bits_, t) && !intersects(schema.removed_by[t], list_bits_)) return false;
    }
  }
  return true;
}

/// The walk of spec 3.5, from the end of the list: implied states, active ones, called ones. No
/// active state removes another, so only those that come can block an active one, and the order of
/// the active ones does not matter.
void Resolver::block(const SchemaData& schema, const Input& input) {
  clear(dead_, words_);
  const auto walk = [&](StateIndex s) {
    if (intersects_without(schema.removed_by[s], list_bits_, dead_)) set(dead_, s);
  };
  for (auto i = entering_.size(); i > implied_at_; --i) walk(entering_[i - 1]);
  assign(called_bits_, words_, input.called);
  for (const auto s : entering_) {
    if (test(dead_, s)) continue;
    const auto removes = schema.remove[s];
    for (std::size_t w = 0; w < words_; ++w) {
      dead_[w] |= removes[w] & input.before_bits[w] & ~called_bits_[w];
    }
  }
  for (auto i = input.called.size(); i > 0; --i) walk(input.called[i - 1]);
  for (std::size_t w = 0; w < words_; ++w) {
    list_bits_[w] &= ~dead_[w];
    for_each_bit(w, dead_[w], [&](StateIndex s) { leaving_.push_back(s); });
  }
}

/// What requires a state that leaves, leaves too.
void Resolver::drop_dependents(const SchemaData& schema) {
  for (std::size_t i = 0; i < leaving_.size(); ++i) {
    const auto gone = leaving_[i];
    if (!test(schema.is_required, gone)) continue;
    const auto dependents = schema.required_by[gone];
    for (std::size_t w = 0; w < words_; ++w) {
      const auto dropped = dependents[w] & list_bits_[w];
      list_bits_[w] &= ~dropped;
      for_each_bit(w, dropped, [&](StateIndex s) { leaving_.push_back(s); });
    }
  }
}

/// Spec 3.3 and 3.6: the called states, the active ones that stay, the implied ones, and each of
/// the new ones moved to where its rank belongs. The active ones are in order, as none has an
/// After.
void Resolver::list_change(const SchemaData& schema, const Input& input,
                           std::vector<StateIndex>& targets) {
  targets.clear();
  targets.reserve(input.before.size() + entering_.size());
  std::size_t misplaced = 0;  // how many of `before` are not to be copied from there
  if (input.type == MutationType::add) {
    for (const auto s : input.called) {
      if (!test(list_bits_, s)) continue;
      targets.push_back(s);
      if (test(input.before_bits, s)) ++misplaced;
    }
  }
  const auto called = targets.size();
  for (const auto s : leaving_) {
    if (test(input.before_bits, s)) ++misplaced;
  }
  auto rest = input.before.begin();
  for (; misplaced != 0; ++rest) {
    const std::span placed(targets.data(), called);
    if (!test(list_bits_, *rest) || std::ranges::find(placed, *rest) != placed.end()) {
      --misplaced;
    } else {
      targets.push_back(*rest);
    }
  }
  targets.insert(targets.end(), rest, input.before.end());
  const auto implied = targets.size();
  for (auto i = implied_at_; i < entering_.size(); ++i) {
    if (test(list_bits_, entering_[i])) targets.push_back(entering_[i]);
  }
  if (!schema.ranked) return;

  const auto by_rank = [&](StateIndex a, StateIndex b) { return schema.rank[a] < schema.rank[b]; };
  const auto at = [&](std::size_t i) { return targets.begin() + static_cast<std::ptrdiff_t>(i); };
  for (auto i = called; i > 0; --i) {
    const auto place = std::lower_bound(at(i), at(implied), targets[i - 1], by_rank);
    std::rotate(at(i - 1), at(i), place);
  }
  for (auto i = implied; i < targets.size(); ++i) {
    const auto place = std::upper_bound(targets.begin(), at(i), targets[i], by_rank);
    std::rotate(place, at(i), at(i + 1));
  }
}

// -- the full way -------------------------------------------------------------------------

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
  if (schema.ranked) order_by_rank(schema, list);
  const bool any_after =
      std::ranges::any_of(list, [&](StateIndex s) { return test(schema.has_after, s); });
  if (any_after) order_by_after(schema, list);
}

/// A stable sort without a buffer of its own: only states without a rank share one.
void Resolver::order_by_rank(const SchemaData& schema, std::vector<StateIndex>& list) {
  const auto rank = [&](StateIndex s) { return schema.rank[s]; };
  if (std::ranges::is_sorted(list, {}, rank)) return;
  sorted_.clear();
  for (const auto s : list) {
    if (rank(s) < 0) sorted_.push_back(s);
  }
  const auto unranked = static_cast<std::ptrdiff_t>(sorted_.size());
  for (const auto s : list) {
    if (rank(s) >= 0) sorted_.push_back(s);
  }
  std::ranges::sort(sorted_.begin() + unranked, sorted_.end(), {}, rank);
  list.swap(sorted_);
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
