// For tests: the rules of relations as plainly as they read (spec machine 3, vectors rules 1, 9-16,
// 19, 23-27), on lists of names, with nothing in common with the code that it checks.
#pragma once

#include <am/schema.hpp>
#include <am/transition.hpp>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

namespace am::naive {

using Names = std::vector<std::string>;

inline bool has(const Names& list, const std::string& name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}
inline bool has_all(const Names& list, const Names& names) {
  return std::all_of(names.begin(), names.end(), [&](const auto& n) { return has(list, n); });
}
inline Names operator+(Names a, const Names& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}
inline Names operator-(const Names& a, const Names& b) {
  Names rest;
  for (const auto& name : a) {
    if (!has(b, name)) rest.push_back(name);
  }
  return rest;
}
inline Names unique(const Names& list) {
  Names once;
  for (const auto& name : list) {
    if (!has(once, name)) once.push_back(name);
  }
  return once;
}
inline Names reversed(Names list) {
  std::reverse(list.begin(), list.end());
  return list;
}

/// Resolves mutations of one schema.
class Resolver {
 public:
  struct Relations {
    bool automatic = false, multi = false;
    Names require{}, add{}, remove{}, after{};
  };

  explicit Resolver(const am::Schema& schema) {
    const auto copy = [](const std::vector<StateName>& list) {
      Names names;
      for (const auto& n : list) names.push_back(n.text);
      return names;
    };
    for (const auto& [name, s] : schema.entries()) {
      names_.push_back(name.text);
      states_[name.text] = {s.automatic, s.multi,        copy(s.require),
                            copy(s.add), copy(s.remove), copy(s.after)};
    }
    if (!has(names_, "Exception")) {
      names_.push_back("Exception");
      states_["Exception"] = {.multi = true};
    }
    for (auto& [name, s] : states_) {  // rule 1
      s.remove = s.remove - Names{name} - s.add;
      s.after = s.after - Names{name};
    }
    bool cycle = false;
    for (const auto& name : names_) {
      Names reached;
      reach(name, reached);
      cycle |= has(reached, name);
    }
    for (const auto& name : names_) {
      if (!cycle && !at(name).require.empty()) visit(name);
    }
  }

  const Names& names() const { return names_; }
  const Relations& at(const std::string& name) const { return states_.at(name); }

  /// Spec 3.2 and 3.3.
  Names targets(MutationType type, const Names& called, const Names& before) const {
    Names base = called;
    if (type == MutationType::add) base = called + before;
    if (type == MutationType::remove) base = before - called;
    const auto exempt = type == MutationType::remove ? called : Names{};
    const auto first = unique(base);
    const auto second = with_requirements(unique(first + (implied(first, before) - exempt)));
    Names keep;
    Names dead;
    for (const auto& s : reversed(second)) {
      Names blockers;
      for (const auto& b : second) {
        if (has(at(b).remove, s)) blockers.push_back(b);
      }
      ((blockers - dead).empty() ? keep : dead).push_back(s);
    }
    Names kill;
    for (const auto& k : keep) kill = kill + at(k).remove;
    const auto third = unique(keep + (implied(keep, before) - exempt)) - kill;
    return order(with_requirements(reversed(third)));
  }

  /// True when every requirement is met within `list`, and none of it removes another.
  bool settled(const Names& list) const {
    return std::all_of(list.begin(), list.end(), [&](const auto& s) {
      return has_all(list, at(s).require) && list - at(s).remove == list;
    });
  }

  /// Spec 3.6.
  Names order(Names list) const {
    const auto position = [&](const std::string& name) {
      const auto at = std::find(ranked_.begin(), ranked_.end(), name);
      return at == ranked_.end() ? -1 : static_cast<int>(at - ranked_.begin());
    };
    std::stable_sort(list.begin(), list.end(),
                     [&](const auto& a, const auto& b) { return position(a) < position(b); });
    Names sorted;
    while (!list.empty()) {
      auto next = list.front();
      for (const auto& candidate : list) {
        if ((at(candidate).after - (at(candidate).after - list)).empty()) {
          next = candidate;
          break;
        }
      }
      sorted.push_back(next);
      list = list - Names{next};
    }
    return sorted;
  }

 private:
  /// Spec 3.4, without the exemption of removed states.
  Names implied(const Names& list, const Names& before) const {
    Names result;
    for (const auto& s : list) {
      if (!has(before, s) || at(s).multi) result = result + at(s).add;
    }
    return result;
  }

  /// Spec 3.5.
  Names with_requirements(const Names& list) const {
    Names met;
    for (const auto& s : list) {
      if (has_all(list, at(s).require)) met.push_back(s);
    }
    return met == list ? met : with_requirements(met);
  }

  void reach(const std::string& from, Names& reached) const {
    for (const auto& next : at(from).require) {
      if (has(reached, next)) continue;
      reached.push_back(next);
      reach(next, reached);
    }
  }

  void visit(const std::string& name) {
    if (has(ranked_, name)) return;
    for (const auto& required : at(name).require) visit(required);
    ranked_.push_back(name);
  }

  Names names_;
  std::map<std::string, Relations> states_;
  Names ranked_;
};

/// What became of one transition.
struct Step {
  MutationType type;
  bool automatic = false, check = false, accepted = false;
  Names called{}, targets{}, exits{}, enters{};
  friend bool operator==(const Step&, const Step&) = default;
};

/// A machine without handlers: mutations from outside, and the automatic one that follows.
class Machine {
 public:
  explicit Machine(const am::Schema& schema) : resolver_(schema) {}

  const Names& names() const { return resolver_.names(); }
  const Names& active() const { return active_; }
  std::uint64_t tick(const std::string& name) const {
    const auto at = ticks_.find(name);
    return at == ticks_.end() ? 0 : at->second;
  }

  /// Runs a mutation; what happened is appended to `steps`. Returns whether it was accepted.
  bool mutate(MutationType type, bool check, const Names& states, std::vector<Step>& steps) {
    const auto called = unique(states);
    const auto ticks = ticks_;
    const bool accepted = run({type, false, check, false, called}, steps);
    const bool health = type == MutationType::add && called.size() == 1 &&
                        (called[0] == "Heartbeat" || called[0] == "Healthcheck");
    if (!accepted || check || health || ticks_ == ticks) return accepted;
    Names removed;
    for (const auto& a : active_) removed = removed + resolver_.at(a).remove;
    Names due;
    for (const auto& name : names()) {
      if (resolver_.at(name).automatic && !has(active_ + removed, name)) due.push_back(name);
    }
    if (!due.empty()) run({MutationType::add, true, false, false, due}, steps);
    return accepted;
  }

 private:
  bool run(Step step, std::vector<Step>& steps) {
    const auto& called = step.called;
    step.targets = resolver_.targets(step.type, called, active_);
    const auto missing = called - step.targets;
    step.accepted = step.type == MutationType::remove || missing.empty() ||
                    (step.automatic && missing != called);
    if (step.accepted && step.automatic) {  // rule 27
      step.targets = resolver_.targets(MutationType::add, called - missing, active_);
    }
    if (step.accepted) {
      step.exits = resolver_.order(active_ - step.targets);
      for (const auto& s : step.targets) {
        const bool again = resolver_.at(s).multi && has(called, s);
        if (again || !has(active_, s)) step.enters.push_back(s);
      }
    }
    if (step.accepted && !step.check) {  // rule 23
      for (const auto& s : step.exits) ++ticks_[s];
      for (const auto& s : step.enters) ticks_[s] += has(active_, s) ? 2 : 1;
      active_ = step.targets;
    }
    steps.push_back(step);
    return step.accepted;
  }

  Resolver resolver_;
  Names active_;
  std::map<std::string, std::uint64_t> ticks_;
};

}  // namespace am::naive
