#include "model.hpp"

#include <algorithm>

namespace histories {

using am::HandlerKind;
using am::MutationType;
using am::Reason;
using am::StateIndex;
using am::naive::operator-;

namespace {

bool has(const Indexes& list, StateIndex state) {
  return std::find(list.begin(), list.end(), state) != list.end();
}

}  // namespace

Model::Model(const am::Schema& schema, std::uint64_t seed)
    : resolver_(schema), script_(seed), names_(resolver_.names()), ticks_(names_.size()) {}

Model::Names Model::names(const Indexes& states) const {
  Names result;
  for (const auto s : states) result.push_back(names_[s]);
  return result;
}

Indexes Model::indexes(const Names& names) const {
  Indexes result;
  for (const auto& name : names) {
    const auto at = std::find(names_.begin(), names_.end(), name);
    result.push_back(static_cast<StateIndex>(at - names_.begin()));
  }
  return result;
}

const am::naive::Resolver::Relations& Model::at(StateIndex state) const {
  return resolver_.at(names_[state]);
}

bool Model::multi(StateIndex state) const { return at(state).multi; }
bool Model::active(StateIndex state) const { return has(order_, state); }
StateIndex Model::exception() const { return indexes({"Exception"}).front(); }

std::vector<Step> Model::run(const Step& leader) {
  std::vector<Step> steps;
  run_one({.type = leader.type, .check = leader.check, .called = leader.called}, steps);
  failure(steps);
  automatic(steps);
  return steps;
}

void Model::restore(const Ticks& ticks) {
  ticks_ = ticks;
  order_.clear();
  for (StateIndex s = 0; s < ticks.size(); ++s) {
    if (ticks[s] % 2 != 0) order_.push_back(s);
  }
}

/// An error in a handler becomes an Exception, but for errors in the handlers of an Exception.
void Model::failure(std::vector<Step>& steps) {
  if (steps.back().reason != Reason::error || has(steps.back().called, exception())) return;
  run_one({.called = {exception()}}, steps);
}

void Model::automatic(std::vector<Step>& steps) {
  const auto& last = steps.back();
  if (!last.accepted || last.check || last.at_finals == Ticks{}) return;
  const auto& before = steps.size() > 1 ? steps[steps.size() - 2].at_end : started_with_;
  if (before == last.at_end) return;
  Names removed;
  for (const auto s : order_) {
    for (const auto& name : at(s).remove) removed.push_back(name);
  }
  Indexes due;
  for (StateIndex s = 0; s < names_.size(); ++s) {
    if (at(s).automatic && !active(s) && !am::naive::has(removed, names_[s])) due.push_back(s);
  }
  if (due.empty()) return;
  run_one({.automatic = true, .called = due}, steps);
  failure(steps);
}

void Model::run_one(Step step, std::vector<Step>& steps) {
  if (steps.empty()) started_with_ = ticks_;
  step.id = ++last_id_;
  step.before = order_;
  targets_ = indexes(resolver_.targets(step.type, names(step.called), names(order_)));
  if (admit(step)) {
    find_exits_and_enters(step);
    step.accepted = negotiate(step);
    if (step.accepted) step.reason = Reason::none;
    if (step.accepted && step.automatic) {
      Indexes left;
      for (const auto s : step.called) {
        if (has(targets_, s)) left.push_back(s);
      }
      targets_ = indexes(resolver_.targets(MutationType::add, names(left), names(order_)));
      find_exits_and_enters(step);
    }
    if (step.accepted && !step.check) {
      commit(step);
      finals(step);
    }
  }
  step.after = order_;
  step.at_end = ticks_;
  steps.push_back(std::move(step));
}

/// Whether relations let the mutation through; says why not.
bool Model::admit(Step& step) {
  const auto missing = names(step.called) - names(targets_);
  if (step.type == MutationType::remove || missing.empty()) return true;
  if (step.automatic && missing.size() < step.called.size()) return true;
  const bool unmet = !am::naive::has_all(names(targets_), resolver_.at(missing.front()).require);
  step.reason = unmet ? Reason::requirement : Reason::relation;
  return false;
}

void Model::find_exits_and_enters(Step& step) const {
  step.exits = indexes(resolver_.order(names(order_) - names(targets_)));
  step.enters.clear();
  for (const auto s : targets_) {
    if (!active(s) || (multi(s) && has(step.called, s))) step.enters.push_back(s);
  }
}

/// Asks one handler; false when it refuses or fails, which `step.reason` tells apart.
bool Model::ask(Step& step, HandlerKind kind, StateIndex state, StateIndex second) {
  if (!script_.bound(kind, state, second)) return true;
  switch (script_.act(step.id, kind, state, second)) {
    case Act::accept: return true;
    case Act::refuse: step.reason = Reason::handler; return false;
    case Act::fail: step.reason = Reason::error; return false;
  }
  return true;
}

/// An automatic state that refuses merely stays away.
bool Model::drop(Step& step, StateIndex state) {
  if (!step.automatic || step.reason == Reason::error || !at(state).automatic) return false;
  std::erase(targets_, state);
  return true;
}

bool Model::negotiate(Step& step) {
  for (const auto s : step.exits) {
    if (!ask(step, HandlerKind::exit, s, 0)) return false;
  }
  for (const auto s : step.enters) {
    if (!ask(step, HandlerKind::enter, s, 0) && !drop(step, s)) return false;
  }
  if (step.type != MutationType::remove) {
    for (const auto s : Indexes(targets_)) {
      if (active(s) && !ask(step, HandlerKind::self, s, s)) return false;
    }
  }
  const auto targets = targets_;
  for (const auto from : step.before) {
    for (const auto to : targets) {
      if (from != to && !ask(step, HandlerKind::pair, from, to) && !drop(step, to)) return false;
    }
  }
  if (step.automatic && targets_.empty()) return false;
  return ask(step, HandlerKind::any_enter, 0, 0);
}

void Model::commit(Step& step) {
  for (StateIndex s = 0; s < names_.size(); ++s) {
    if (active(s) != has(targets_, s)) {
      ticks_[s] += 1;
    } else if (active(s) && multi(s) && has(step.called, s)) {
      ticks_[s] += 2;
    }
  }
  order_ = targets_;
  step.at_finals = ticks_;
}

void Model::finals(Step& step) {
  const auto fails = [&](HandlerKind kind, StateIndex state) {
    const bool failed = !ask(step, kind, state, 0);
    if (failed) step.accepted = false;
    return failed;
  };
  for (const auto s : step.exits) {
    if (fails(HandlerKind::end, s)) return;
  }
  for (std::size_t i = 0; i < step.enters.size(); ++i) {
    if (fails(HandlerKind::state, step.enters[i])) return roll_back(step, i);
  }
  fails(HandlerKind::any_state, 0);
}

/// What entered from `first` on goes again.
void Model::roll_back(Step& step, std::size_t first) {
  for (auto i = first; i < step.enters.size(); ++i) {
    ticks_[step.enters[i]] += 1;
    std::erase(order_, step.enters[i]);
  }
}

}  // namespace histories
