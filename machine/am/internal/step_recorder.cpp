#include <am/internal/step_recorder.hpp>

#include <am/internal/schema_data.hpp>

#include <algorithm>

namespace am::internal {

namespace {

using List = std::vector<StateIndex>;

bool has(std::span<const StateIndex> list, StateIndex state) {
  return std::ranges::find(list, state) != list.end();
}

void add_once(List& list, StateIndex state) {
  if (!has(list, state)) list.push_back(state);
}

class Recorder {
 public:
  Recorder(const Transition& transition, MutationType type, std::span<const StateIndex> called,
           std::vector<Step>& steps)
      : t_(transition),
        schema_(*transition.schema->data()),
        type_(type),
        called_(called),
        steps_(steps) {}

  void call() {
    for (const auto s : called_) to(Step::Type::called, s);
    if (type_ == MutationType::remove) {
      for (const auto s : called_) to(Step::Type::deactivate, s);
      return;
    }
    for (const auto s : called_) {
      if (!has(t_.before, s)) to(Step::Type::activate, s);
    }
    if (type_ == MutationType::add) return;
    for (const auto s : t_.before) {
      if (!has(called_, s)) to(Step::Type::deactivate, s);
    }
  }

  void resolve() {
    auto list = base();
    for (const auto s : implied(list)) add_once(list, s);
    drop_unmet(list);
    List killed;
    list = survivors(list, killed);
    for (const auto s : implied(list)) {
      if (!has(killed, s)) add_once(list, s);
    }
    std::ranges::reverse(list);
    drop_unmet(list);
    order(list);
  }

  void reject() {
    if (type_ == MutationType::remove) return;
    for (const auto s : called_) {
      if (!has(t_.targets, s)) to(Step::Type::cancel, s);
    }
  }

  void order(List list) {
    std::ranges::stable_sort(list, {}, [&](StateIndex s) { return schema_.rank[s]; });
    std::vector<Step> used;  // a comparison counts once, however often it is made
    while (!list.empty()) {
      auto next = list.begin();
      for (auto it = list.begin(); it != list.end(); ++it) {
        const auto earlier = std::ranges::find_if(
            list, [&](StateIndex other) { return test(schema_.after[*it], other); });
        if (earlier == list.end()) {
          next = it;
          break;
        }
        const Step step{
            .type = Step::Type::relation, .relation = Relation::after, .from = *earlier, .to = *it};
        if (std::ranges::find(used, step) == used.end()) used.push_back(step);
      }
      list.erase(next);
    }
    steps_.insert(steps_.end(), used.begin(), used.end());
  }

 private:
  void to(Step::Type type, StateIndex state) { steps_.push_back({.type = type, .to = state}); }
  void relate(StateIndex from, Relation relation, StateIndex other) {
    steps_.push_back(
        {.type = Step::Type::relation, .relation = relation, .from = from, .to = other});
  }

  List base() const {
    List list;
    if (type_ != MutationType::remove) list.assign(called_.begin(), called_.end());
    if (type_ == MutationType::set) return list;
    for (const auto s : t_.before) {
      if (!has(called_, s)) list.push_back(s);
    }
    return list;
  }

  List implied(const List& list) {
    List found;
    for (const auto s : list) {
      if (has(t_.before, s) && !test(schema_.multi, s)) continue;
      for (const auto added : schema_.add[s]) {
        if (type_ == MutationType::remove && has(called_, added)) continue;
        relate(s, Relation::add, added);
        if (has(found, added)) continue;
        to(Step::Type::activate, added);
        found.push_back(added);
      }
    }
    return found;
  }

  bool unmet(const List& list, StateIndex state) {
    bool missing = false;
    for (const auto& name : t_.schema->state(state).require) {
      const auto required = *t_.schema->find(name.text);
      relate(state, Relation::require, required);
      if (has(list, required)) continue;
      missing = true;
      steps_.push_back({.type = Step::Type::deactivate_passive, .from = state});
      if (has(called_, state)) to(Step::Type::cancel, required);
    }
    return missing;
  }

  void drop_unmet(List& list) {
    for (bool dropped = true; dropped;) {
      List rest;
      for (const auto s : list) {
        if (!unmet(list, s)) rest.push_back(s);
      }
      dropped = rest.size() != list.size();
      list = std::move(rest);
    }
  }

  /// From the end of `list`; `killed` gets what the survivors remove.
  List survivors(const List& list, List& killed) {
    List kept, dead;
    for (auto it = list.rbegin(); it != list.rend(); ++it) {
      bool blocked = false;
      for (const auto by : list) {
        if (has(dead, by) || !test(schema_.removed_by[*it], by)) continue;
        relate(by, Relation::remove, *it);
        blocked = true;
      }
      if (!blocked) {
        kept.push_back(*it);
        continue;
      }
      dead.push_back(*it);
      to(has(t_.before, *it) ? Step::Type::deactivate : Step::Type::deactivate_passive, *it);
    }
    for (const auto s : kept) {
      for_each_in(schema_.remove[s], [&](StateIndex removed) { add_once(killed, removed); });
    }
    return kept;
  }

  template <class Fn>
  static void for_each_in(Bits bits, Fn&& fn) {
    for (std::size_t w = 0; w < bits.size(); ++w) for_each_bit(w, bits[w], fn);
  }

  const Transition& t_;
  const SchemaData& schema_;
  MutationType type_;
  std::span<const StateIndex> called_;
  std::vector<Step>& steps_;
};

}  // namespace

void record_relations(const Transition& transition, std::vector<Step>& steps) {
  Recorder recorder(transition, transition.type, transition.called, steps);
  recorder.call();
  recorder.resolve();
  recorder.reject();
  recorder.order(transition.exits);
}

void record_second_look(const Transition& transition, std::span<const StateIndex> called,
                        std::vector<Step>& steps) {
  Recorder recorder(transition, MutationType::add, called, steps);
  recorder.resolve();
  recorder.order(transition.exits);
}

Step handler_step(HandlerKind kind, StateIndex state, StateIndex second) noexcept {
  Step step{.type = Step::Type::handler, .handler = kind};
  switch (kind) {
    case HandlerKind::exit: step.from = state; break;
    case HandlerKind::pair:
      step.from = state;
      step.to = second;
      break;
    case HandlerKind::any_enter:
    case HandlerKind::any_state: break;
    default: step.to = state;
  }
  return step;
}

}  // namespace am::internal
