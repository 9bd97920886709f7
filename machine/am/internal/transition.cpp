// One transition: relations, negotiation, commit, final handlers (spec machine 4).
#include <am/internal/extras.hpp>
#include <am/internal/local_core.hpp>

#include <am/internal/publish.hpp>
#include <am/internal/step_recorder.hpp>
#include <am/internal/waits.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace am {

namespace detail {

using internal::Bits;
using internal::Frame;
using internal::HandlerKey;

namespace {

bool contains(std::span<const StateIndex> list, StateIndex state) {
  return std::ranges::find(list, state) != list.end();
}

}  // namespace

/// Runs the frame's mutation as one transition and returns its result.
Result LocalCore::run(Frame& frame) {
  auto& t = frame.transition;
  prepare(frame);
  resolve(frame, t.type, t.called);
  if (!frame.resolver.unopposed()) reject_by_relations(frame);
  if (t.accepted) find_exits_and_enters(frame);
  if (running_->wants_steps) record_steps(frame);
  each_tracer([&](Tracer& tracer) { tracer.transition_init(t); });
  each_tracer([&](Tracer& tracer) { tracer.transition_start(t); });
  if (t.accepted && (running_->handlers.any_negotiates() || t.automatic)) negotiate(frame);
  if (t.accepted && t.automatic && !t.check) resolve_again(frame);
  if (t.accepted && !t.check) {
    apply(frame);
    if (!running_->handlers.empty()) {
      run_finals(frame);
    } else if (waits().count(internal::Bag::args) != 0) {
      for (const auto s : t.enters) fire_args_waits(s, *t.args);
    }
  }
  if (t.schema->data()->any_automatic) find_automatic(frame);
  if (!frame.due.empty() && !running_->tracers.empty()) tell_automatic(frame);
  t.phase = Transition::Phase::ended;
  each_tracer([&](Tracer& tracer) { tracer.transition_end(t); });
  if (!frame.changed.empty()) fire_waits(frame.changed);
  if (t.accepted) return Result::executed;
  return {Result::canceled, t.cancel.reason};
}

void LocalCore::prepare(Frame& frame) {
  refresh_attachments();
  auto& t = frame.transition;
  const auto& mutation = frame.mutation;
  t.id = ++transitions_;
  t.type = mutation.type;
  t.automatic = mutation.automatic;
  t.check = mutation.check;
  t.accepted = true;
  t.phase = Transition::Phase::negotiation;
  t.cancel = {};
  t.queue_tick = QueueTick{mutation.queue_tick};
  t.schema = &board().schema();
  t.args = &mutation.args;
  t.source = mutation.source.view();
  t.core = this;
  t.called = mutation.called;
  t.before = order_;
  t.exits.clear();
  t.enters.clear();
  t.changes.clear();
  t.steps.clear();
  frame.changed.clear();
  frame.due.clear();
  const auto words = t.schema->data()->words;
  if (frame.before_bits.size() != words) frame.before_bits.resize(words);
  for (std::size_t w = 0; w < words; ++w) frame.before_bits[w] = board().word(w);
}

void LocalCore::resolve(Frame& frame, MutationType type, std::span<const StateIndex> called) {
  frame.resolver.resolve(*board().schema().data(),
                         {type, called, order_, frame.before_bits, settled_}, frame.targets);
  frame.transition.targets = frame.targets;
}

/// Vectors rule 16: every called state has to be a target; for an automatic transition, one.
void LocalCore::reject_by_relations(Frame& frame) {
  auto& t = frame.transition;
  if (t.type == MutationType::remove || t.called.empty()) return;
  const auto targets = frame.resolver.target_bits();
  const auto missing =
      std::ranges::find_if(t.called, [&](StateIndex s) { return !internal::test(targets, s); });
  if (missing == t.called.end()) return;
  if (t.automatic &&
      std::ranges::any_of(t.called, [&](StateIndex s) { return internal::test(targets, s); })) {
    return;
  }
  t.accepted = false;
  t.cancel.state = *missing;
  // Name the culprit: a requirement that is not there, else a state that removes it.
  const auto& schema = *t.schema->data();
  for (std::size_t w = 0; w < schema.words; ++w) {
    const auto unmet = schema.require[*missing][w] & ~targets[w];
    if (unmet == 0) continue;
    t.cancel.reason = Reason::requirement;
    t.cancel.by =
        static_cast<StateIndex>(w * 64 + static_cast<std::size_t>(std::countr_zero(unmet)));
    return;
  }
  t.cancel.reason = Reason::relation;
  internal::assign(frame.called_bits, schema.words, t.called);
  for (std::size_t w = 0; w < schema.words; ++w) {
    const auto removers =
        schema.removed_by[*missing][w] & (targets[w] | frame.before_bits[w] | frame.called_bits[w]);
    if (removers == 0) continue;
    t.cancel.by =
        static_cast<StateIndex>(w * 64 + static_cast<std::size_t>(std::countr_zero(removers)));
    return;
  }
}

/// Vectors rule 19. The lists are walked only until the last one is found: new states come first.
void LocalCore::find_exits_and_enters(Frame& frame) {
  auto& t = frame.transition;
  const auto& schema = *t.schema->data();
  const Bits before = frame.before_bits;
  const auto targets = frame.resolver.target_bits();
  t.exits.clear();
  t.enters.clear();
  if (frame.resolver.unopposed()) {  // nobody else comes or goes
    const auto s = frame.resolver.only();
    const bool was_active = internal::test(before, s);
    if (t.type == MutationType::remove) {
      if (was_active) t.exits.push_back(s);
    } else if (!was_active || internal::test(schema.multi, s)) {
      t.enters.push_back(s);
    }
    return;
  }
  std::size_t leaving = 0;
  std::size_t entering = 0;
  StateIndex left = 0;
  for (std::size_t w = 0; w < schema.words; ++w) {
    const auto flipped = before[w] ^ targets[w];
    internal::for_each_bit(w, flipped & before[w], [&](StateIndex s) {
      ++leaving;
      left = s;
    });
    internal::for_each_bit(w, flipped & targets[w], [&](StateIndex) { ++entering; });
  }
  if (leaving == 1) {
    t.exits.push_back(left);
  } else if (leaving != 0) {
    for (auto s = t.before.begin(); t.exits.size() < leaving; ++s) {
      if (!internal::test(targets, *s)) t.exits.push_back(*s);
    }
    frame.resolver.order(schema, t.exits);
  }
  if (schema.any_multi) {
    internal::assign(frame.called_bits, schema.words, t.called);
    for (const auto s : t.called) {
      const bool again = internal::test(schema.multi, s) && internal::test(before, s);
      if (again && internal::test(targets, s)) ++entering;
    }
  }
  for (auto s = t.targets.begin(); t.enters.size() < entering; ++s) {
    const bool again = schema.any_multi && internal::test(schema.multi, *s) &&
                       internal::test(frame.called_bits, *s);
    if (again || !internal::test(before, *s)) t.enters.push_back(*s);
  }
}

// -- handlers ------------------------------------------------------------------------

/// Calls all handlers of one name; false when one refused or threw.
bool LocalCore::call(Frame& frame, HandlerKey key) {
  refresh_attachments();
  auto& t = frame.transition;
  const auto* bound = running_->handlers.find(key);
  if (bound == nullptr) return true;
  Event event(*this, t, key.kind, key.state, key.second);
  const bool traced = !running_->tracers.empty();
  auto* const rare = extras();
  for (const auto& handler : *bound) {
    using Outcome = HandlerCall::Outcome;
    if (running_->wants_steps) {
      t.steps.push_back(internal::handler_step(key.kind, key.state, key.second));
    }
    if (traced) tell_handler(t, key, handler.binding, Outcome::running, &Tracer::handler_start);
    bool accepted = false;
    if (rare != nullptr && rare->limits_calls) {
      accepted = call_limited(frame, key, handler, *rare);
    } else {
      try {
        accepted = (*handler.function)(event);
      } catch (...) {
        fail(t, std::current_exception(), key);
      }
    }
    if (traced) {
      const bool refused = !accepted && negotiates(key.kind);
      const auto outcome = t.cancel.reason == Reason::error     ? Outcome::threw
                           : t.cancel.reason == Reason::timeout ? Outcome::timed_out
                           : refused                            ? Outcome::refused
                                                                : Outcome::accepted;
      tell_handler(t, key, handler.binding, outcome, &Tracer::handler_end);
    }
    if (failed(t)) return false;
    if (!accepted && negotiates(key.kind)) {
      t.cancel = {Reason::handler, key.state, key.second, key.kind};
      return false;
    }
  }
  return true;
}

/// A handler threw: the transition is canceled, and unless it was adding an error itself, the error
/// is added next (spec machine 7.3).
void LocalCore::fail(Transition& t, std::exception_ptr cause, HandlerKey key) {
  t.accepted = false;
  t.cancel = {Reason::error, key.state, key.second, key.kind};
  auto info = error_info(std::move(cause),
                         internal::handler_name(*t.schema, key.kind, key.state, key.second));
  store_error(info);
  tell_error(info);
  if (!contains(t.called, t.schema->data()->exception)) {
    failure_ = std::make_unique<ErrorInfo>(std::move(info));
  }
}

void LocalCore::negotiate(Frame& frame) {
  auto& t = frame.transition;
  if (running_->handlers.empty()) return;
  t.accepted = ask_exits(frame) && ask_enters(frame) && ask_self(frame) && ask_pairs(frame);
  if (t.accepted && t.automatic && t.targets.empty()) t.accepted = false;
  if (t.accepted && running_->handlers.has(HandlerKind::any_enter)) {
    t.accepted = call(frame, {HandlerKind::any_enter});
  }
  if (t.accepted) t.cancel = {};  // what automatic states refused for themselves
}

bool LocalCore::ask_exits(Frame& frame) {
  return std::ranges::all_of(frame.transition.exits, [&](StateIndex s) {
    return !has_handler(HandlerKind::exit, s) || call(frame, {HandlerKind::exit, s});
  });
}

/// Drops `state` from the targets when it is automatic in an automatic transition and merely
/// refused (vectors rule 26); false when the refusal cancels.
bool LocalCore::drop_target(Frame& frame, StateIndex state) {
  auto& t = frame.transition;
  if (!t.automatic || failed(t)) return false;
  if (!internal::test(t.schema->data()->automatic, state)) return false;
  std::erase(frame.targets, state);
  t.targets = frame.targets;
  return true;
}

bool LocalCore::ask_enters(Frame& frame) {
  return std::ranges::all_of(frame.transition.enters, [&](StateIndex s) {
    return !has_handler(HandlerKind::enter, s) || call(frame, {HandlerKind::enter, s}) ||
           drop_target(frame, s);
  });
}

/// FooFoo, for targets that were active before; not when removing.
bool LocalCore::ask_self(Frame& frame) {
  auto& t = frame.transition;
  if (t.type == MutationType::remove) return true;
  return std::ranges::all_of(t.targets, [&](StateIndex s) {
    return !has_handler(HandlerKind::self, s) || !internal::test(frame.before_bits, s) ||
           call(frame, {HandlerKind::self, s});
  });
}

/// FooBar, for Foo active before and Bar in the targets as they are when the pass starts.
bool LocalCore::ask_pairs(Frame& frame) {
  auto& t = frame.transition;
  const auto present = running_->handlers.states_with(HandlerKind::pair);
  if (!internal::intersects(present, frame.before_bits)) return true;
  frame.walk = frame.targets;
  for (const auto from : t.before) {
    if (!has_handler(HandlerKind::pair, from)) continue;
    for (const auto to : frame.walk) {
      const auto row = running_->handlers.pairs_of(from);
      if (row.empty() || !internal::test(row, to)) continue;
      if (!call(frame, {HandlerKind::pair, from, to}) && !drop_target(frame, to)) return false;
    }
  }
  return true;
}

/// Vectors rule 27: what refused states implied goes with them.
void LocalCore::resolve_again(Frame& frame) {
  auto& t = frame.transition;
  auto& called = frame.called;
  called.clear();
  std::ranges::copy_if(t.called, std::back_inserter(called),
                       [&](StateIndex s) { return contains(t.targets, s); });
  resolve(frame, MutationType::add, called);
  find_exits_and_enters(frame);
  if (running_->wants_steps) internal::record_second_look(t, called, t.steps);
}

// -- commit and finals -------------------------------------------------------------------

/// Ticks change together (vectors rule 23), then contexts stop.
void LocalCore::apply(Frame& frame) {
  auto& t = frame.transition;
  auto& changed = frame.changed;
  for (const auto s : t.exits) changed.push_back(s);
  for (const auto s : t.enters) changed.push_back(s);
  if (changed.size() > 1) std::ranges::sort(changed);
  for (const auto s : changed) {
    const auto tick = board().tick(s);
    const bool again = internal::test(frame.before_bits, s) &&
                       internal::test(frame.resolver.target_bits(), s);  // multi
    t.changes.push_back({s, Tick{tick}, Tick{tick + (again ? 2U : 1U)}});
    tick_sum_ += again ? 2U : 1U;
  }
  if (!frame.changed.empty() || !std::ranges::equal(order_, frame.targets)) {
    publish(frame.changed, [&](ClockBoard::Write& clocks) {
      for (const auto& change : t.changes) clocks.tick(change.state, change.after.value);
      order_.swap(frame.targets);  // `t.before` and `t.targets` keep pointing at the same buffers
    });
  }
  settled_ = frame.resolver.settled();
  t.phase = Transition::Phase::final;
  each_tracer([&](Tracer& tracer) { tracer.transition_finals(t); });
}

void LocalCore::run_finals(Frame& frame) {
  auto& t = frame.transition;
  for (const auto s : t.exits) {
    if (has_handler(HandlerKind::end, s) && !call(frame, {HandlerKind::end, s})) {
      return;
    }
  }
  for (std::size_t i = 0; i < t.enters.size(); ++i) {
    const auto s = t.enters[i];
    if (has_handler(HandlerKind::state, s) && !call(frame, {HandlerKind::state, s})) {
      roll_back(frame, i);
      return;
    }
    if (waits().count(internal::Bag::args) != 0) fire_args_waits(s, *t.args);
  }
  refresh_attachments();  // the last handler may have bound one
  if (running_->handlers.has(HandlerKind::any_state)) call(frame, {HandlerKind::any_state});
}

/// A State handler threw: its state and those entered after it go again (spec machine 4.12).
void LocalCore::roll_back(Frame& frame, std::size_t first_failed_enter) {
  auto& t = frame.transition;
  const auto failed = std::span(t.enters).subspan(first_failed_enter);
  frame.walk.clear();
  for (const auto s : t.targets) {
    if (!contains(failed, s)) frame.walk.push_back(s);
  }
  std::vector<TickChange> undone;
  for (auto& change : t.changes) {
    if (!contains(failed, change.state)) continue;
    change.after = Tick{change.after.value + 1};
    undone.push_back(change);
  }
  tick_sum_ += undone.size();
  std::vector<StateIndex> left;
  for (const auto& change : undone) left.push_back(change.state);
  publish(left, [&](ClockBoard::Write& clocks) {
    for (const auto& change : undone) clocks.tick(change.state, change.after.value);
    order_ = frame.walk;
  });
  t.targets = order_;
  settled_ = false;  // what stays may require what had to go
}

namespace {

/// An automatic state is not even tried, as an active one removes it.
void say_kept_out(const Core& core, StateIndex state, Bits removed_by) {
  core.log(LogLevel::everything, [&] {
    const auto& board = core.board();
    std::size_t w = 0;
    while ((removed_by[w] & board.word(w)) == 0) ++w;
    const auto bit = static_cast<std::size_t>(std::countr_zero(removed_by[w] & board.word(w)));
    const auto& names = board.schema().names();
    return fmt::format("[auto:rel:remove] {} by {}", names[state], names[w * 64 + bit]);
  });
}

}  // namespace

/// Vectors rule 24. Writes the automatic states that are due to `frame.due`.
void LocalCore::find_automatic(Frame& frame) {
  const auto& t = frame.transition;
  const auto& schema = *t.schema->data();
  if (!frame.automatic || !t.accepted || t.check || t.automatic || frame.changed.empty() ||
      queue_.closed())
    return;
  if (t.type == MutationType::add && t.called.size() == 1 &&
      internal::test(schema.health, t.called.front())) {
    return;
  }
  for (std::size_t w = 0; w < schema.words; ++w) {
    internal::for_each_bit(w, schema.automatic[w] & ~board().word(w), [&](StateIndex s) {
      const auto removed_by = schema.removed_by[s];
      for (std::size_t v = 0; v < schema.words; ++v) {
        if ((removed_by[v] & board().word(v)) == 0) continue;
        if (!running_->tracers.empty()) say_kept_out(*this, s, removed_by);
        return;
      }
      frame.due.push_back(s);
    });
  }
}

/// Makes the frame's mutation the automatic one; false when none is due.
bool LocalCore::take_automatic(Frame& frame) {
  if (frame.due.empty() || queue_.closed()) return false;
  auto& mutation = frame.mutation;
  mutation.called.swap(frame.due);
  mutation.type = MutationType::add;
  mutation.automatic = true;
  mutation.check = false;
  mutation.queue_tick = 0;
  mutation.args = {};
  mutation.source = {};
  return true;
}

}  // namespace detail
}  // namespace am
