#include <am/internal/waits.hpp>

#include <am/detail/core.hpp>
#include <am/error.hpp>

#include <algorithm>
#include <utility>

namespace am::internal {

// -- one wait -----------------------------------------------------------------

void WaitState::end(Ended how) {
  std::int8_t going_on = -1;
  if (!ended.compare_exchange_strong(going_on, static_cast<std::int8_t>(how),
                                     std::memory_order_acq_rel)) {
    return;
  }
  signal.fire();
}

void WaitState::drop_reference() {
  if (references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
}

// -- lists --------------------------------------------------------------------

Waits::~Waits() { finish(take_all(), Ended::disposed); }

bool Waits::holds(const WaitTerm& term) const noexcept {
  switch (term.kind) {
    case WaitTerm::Kind::active: return board_.is(term.state);
    case WaitTerm::Kind::inactive: return !board_.is(term.state);
    case WaitTerm::Kind::tick: return board_.tick(term.state) >= term.tick;
  }
  return false;
}

bool Waits::attach(WaitState& wait) {
  if (wait.bag) {
    push(bagged_, wait);
    counts_.fetch_add(one_in(*wait.bag), std::memory_order_seq_cst);
    wait.place = WaitState::Place::bag;
  } else if (wait.queue_tick != 0) {
    queue_waits_.fetch_add(1, std::memory_order_seq_cst);
    if (queue_ended_.load(std::memory_order_seq_cst) >= wait.queue_tick) {
      queue_waits_.fetch_sub(1, std::memory_order_relaxed);
      return false;
    }
    wait.place = WaitState::Place::queue;
    wait.position = queue_.emplace(wait.queue_tick, &wait);
  } else if (!watch_unmet_term(wait)) {
    return false;
  }
  wait.references.fetch_add(1, std::memory_order_relaxed);
  attached_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

/// Lists `wait` under the first term that does not hold; false when all hold.
bool Waits::watch_unmet_term(WaitState& wait) {
  for (const auto& term : wait.terms) {
    if (holds(term)) continue;
    if (lists_.empty()) lists_.resize(board_.size());
    auto& lists = lists_[term.state];
    wait.watched = term.state;
    listed_.store(listed_.load(std::memory_order_relaxed) | group_of(term.state),
                  std::memory_order_relaxed);
    switch (term.kind) {
      case WaitTerm::Kind::active:
        wait.place = WaitState::Place::active;
        push(lists.active, wait);
        break;
      case WaitTerm::Kind::inactive:
        wait.place = WaitState::Place::inactive;
        push(lists.inactive, wait);
        break;
      case WaitTerm::Kind::tick:
        wait.place = WaitState::Place::tick;
        wait.position = lists.ticks.emplace(term.tick, &wait);
        break;
    }
    return true;
  }
  return false;
}

void Waits::push(WaitState*& head, WaitState& wait) {
  wait.previous = nullptr;
  wait.next = head;
  if (head != nullptr) head->previous = &wait;
  head = &wait;
}

void Waits::unlink(WaitState& wait) {
  using Place = WaitState::Place;
  switch (wait.place) {
    case Place::none: return;
    case Place::tick: lists_[wait.watched].ticks.erase(wait.position); break;
    case Place::queue:
      queue_.erase(wait.position);
      queue_waits_.fetch_sub(1, std::memory_order_relaxed);
      break;
    case Place::bag:
      if (wait.previous != nullptr) wait.previous->next = wait.next;
      if (wait.next != nullptr) wait.next->previous = wait.previous;
      if (bagged_ == &wait) bagged_ = wait.next;
      counts_.fetch_sub(one_in(*wait.bag), std::memory_order_relaxed);
      break;
    case Place::active:
    case Place::inactive: {
      auto& lists = lists_[wait.watched];
      auto*& head = wait.place == Place::active ? lists.active : lists.inactive;
      if (wait.previous != nullptr) wait.previous->next = wait.next;
      if (wait.next != nullptr) wait.next->previous = wait.previous;
      if (head == &wait) head = wait.next;
      break;
    }
  }
  wait.place = Place::none;
  wait.previous = wait.next = nullptr;
}

/// Moves `wait` from its list to `chain`.
void Waits::take(WaitState& wait, WaitState*& chain) {
  unlink(wait);
  count_out();
  wait.next = chain;
  chain = &wait;
}

void Waits::detach(WaitState& wait) {
  if (wait.place == WaitState::Place::none) return;
  unlink(wait);
  count_out();
  wait.drop_reference();
}

/// Empties `list`, whose terms hold now: each wait goes under another unmet term or on the chain.
void Waits::move_on(WaitState*& list, WaitState*& chain) {
  auto* wait = std::exchange(list, nullptr);
  while (wait != nullptr) {
    auto* following = wait->next;
    wait->place = WaitState::Place::none;
    wait->previous = wait->next = nullptr;
    if (!watch_unmet_term(*wait)) {
      count_out();
      wait->next = chain;
      chain = wait;
    }
    wait = following;
  }
}

WaitState* Waits::fired(std::span<const StateIndex> changed) {
  WaitState* chain = nullptr;
  if (lists_.empty()) return chain;
  for (const auto state : changed) {
    auto& lists = lists_[state];
    move_on(board_.is(state) ? lists.active : lists.inactive, chain);
    const auto reached = lists.ticks.upper_bound(board_.tick(state));
    WaitState* due = nullptr;
    for (auto it = lists.ticks.begin(); it != reached; ++it) {
      it->second->next = due;
      due = it->second;
    }
    lists.ticks.erase(lists.ticks.begin(), reached);
    move_on(due, chain);
  }
  return chain;
}

WaitState* Waits::fired_by_queue() {
  const auto tick = queue_ended_.load(std::memory_order_relaxed);
  WaitState* chain = nullptr;
  while (!queue_.empty() && queue_.begin()->first <= tick) take(*queue_.begin()->second, chain);
  return chain;
}

WaitState* Waits::take_all() {
  WaitState* chain = nullptr;
  for (auto& lists : lists_) {
    while (lists.active != nullptr) take(*lists.active, chain);
    while (lists.inactive != nullptr) take(*lists.inactive, chain);
    while (!lists.ticks.empty()) take(*lists.ticks.begin()->second, chain);
  }
  while (!queue_.empty()) take(*queue_.begin()->second, chain);
  while (bagged_ != nullptr) take(*bagged_, chain);
  return chain;
}

template <class Wanted>
void Waits::take_from(WaitState* list, WaitState*& chain, Wanted&& wanted) {
  auto* wait = list;
  while (wait != nullptr) {
    auto* following = wait->next;
    if (wanted(*wait)) take(*wait, chain);
    wait = following;
  }
}

WaitState* Waits::take_tick_waits() {
  WaitState* chain = nullptr;
  const auto of_ticks = [](const WaitState& wait) {
    return std::ranges::any_of(
        wait.terms, [](const WaitTerm& term) { return term.kind == WaitTerm::Kind::tick; });
  };
  for (auto& lists : lists_) {
    take_from(lists.active, chain, of_ticks);
    take_from(lists.inactive, chain, of_ticks);
    while (!lists.ticks.empty()) take(*lists.ticks.begin()->second, chain);
  }
  return chain;
}

WaitState* Waits::take_incomparable(std::uint64_t queue_tick) {
  queue_ended_.store(queue_tick, std::memory_order_seq_cst);
  WaitState* chain = take_tick_waits();
  while (!queue_.empty()) take(*queue_.begin()->second, chain);
  take_from(bagged_, chain, [](const WaitState& wait) { return wait.bag != Bag::query; });
  return chain;
}

std::vector<WaitState*> Waits::hold(Bag bag) const {
  std::vector<WaitState*> held;
  for (auto* wait = bagged_; wait != nullptr; wait = wait->next) {
    if (wait->bag != bag) continue;
    wait->references.fetch_add(1, std::memory_order_relaxed);
    held.push_back(wait);
  }
  return held;
}

void Waits::finish(WaitState* chain, Ended how) {
  while (chain != nullptr) {
    auto* wait = std::exchange(chain, chain->next);
    wait->end(how);
    wait->drop_reference();
  }
}

// -- contexts -----------------------------------------------------------------

std::stop_token Waits::context(StateIndex state) {
  if (!board_.is(state)) {
    std::stop_source stopped;
    stopped.request_stop();
    return stopped.get_token();
  }
  contexts_in_use_.store(true, std::memory_order_relaxed);
  return contexts_[state].get_token();
}

void Waits::take_contexts(std::span<const StateIndex> changed,
                          std::vector<std::pair<StateIndex, std::stop_source>>& out) {
  for (const auto state : changed) {
    const auto found = contexts_.find(state);
    if (found == contexts_.end()) continue;
    out.emplace_back(state, std::move(found->second));
    contexts_.erase(found);
  }
  contexts_in_use_.store(!contexts_.empty(), std::memory_order_relaxed);
}

void Waits::take_all_contexts(std::vector<std::stop_source>& out) {
  for (auto& [state, source] : contexts_) out.push_back(std::move(source));
  contexts_.clear();
  contexts_in_use_.store(false, std::memory_order_relaxed);
}

}  // namespace am::internal
