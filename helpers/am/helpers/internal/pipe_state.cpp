#include <am/helpers/internal/pipe_state.hpp>

#include <am/error.hpp>
#include <am/helpers/internal/direct_executor.hpp>

#include <utility>

namespace am {

namespace {

using internal::PipeTrail;

/// How many transitions one visit forwards before others get their turn on the thread.
constexpr int visit_limit = 64;
/// How long a pipe leaves a target alone that could not be reached, or recovers from a handler.
constexpr auto unreachable_pause = std::chrono::milliseconds{100};

/// Where a pipe from `source` runs. Inline is for local sources only: what tells of a remote one
/// must not be held up.
const std::shared_ptr<Executor>& place(const std::shared_ptr<Executor>& wanted, const Api& source) {
  const auto& chosen = wanted != nullptr ? wanted : inline_executor();
  return chosen == inline_executor() && !source.is_local() ? completion_executor() : chosen;
}

}  // namespace

Pipe::State::State(const Api& source, const Api& target, const std::vector<PipedState>& states,
                   PipeOptions options)
    : source_(source.core()),
      target_(target.core()),
      source_id_(source.id()),
      target_id_(target.id()),
      target_key_(target.core().get()),
      source_key_(source.core().get()),
      options_(std::move(options)),
      executor_(place(options_.executor, source)),
      exception_(target.schema().id(exception_state).index()) {
  if (states.empty()) throw Error(Errc::invalid_argument, "pipe: needs at least one state");
  for (const auto& piped : states) {
    const auto& to = piped.to.text.empty() ? piped.from.text : piped.to.text;
    const auto from = source.schema().id(piped.from.text).index();
    routes_.push_back({.from = from,
                       .to = target.schema().id(to).index(),
                       .multi = source.schema().state(from).multi,
                       .error = to.starts_with("Err") || piped.from.text == exception_state});
  }
}

void Pipe::State::start(const Api& source, const Api& target) {
  std::vector<StateIndex> followed;
  for (const auto& route : routes_) followed.push_back(route.from);
  const auto weak = weak_from_this();
  const auto close_it = [weak] {
    if (const auto self = weak.lock()) self->close();
  };
  auto gone = internal::when_gone(target, close_it);
  auto follow = std::make_unique<internal::Follow>(
      source, std::move(followed),
      internal::FollowCalls{.changed =
                                [weak](auto changes, const Transition* transition) {
                                  if (const auto self = weak.lock()) {
                                    self->changed(changes, transition);
                                  }
                                },
                            .replaced =
                                [weak] {
                                  if (const auto self = weak.lock()) self->sync_later();
                                },
                            .gone = close_it});
  {
    const std::lock_guard lock(mutex_);
    follow_ = std::move(follow);
    target_gone_ = std::move(gone);
  }
  internal::log_routes(source, target, routes_, options_.what != PipeWhat::deactivations,
                       options_.what != PipeWhat::activations);
  if (source.disposed() || target.disposed()) close();
  if (options_.sync) sync_later();
}

void Pipe::State::close() {
  const auto alive = shared_from_this();
  if (closed_.exchange(true, std::memory_order_acq_rel)) return;
  std::unique_ptr<internal::Follow> follow;
  std::deque<Item> mailbox;
  Continuation gone;
  std::shared_ptr<State> self;
  {
    const std::lock_guard lock(mutex_);
    follow = std::move(follow_);
    mailbox.swap(mailbox_);
    gone = std::exchange(target_gone_, {});
    self = std::move(self_);
  }
  gone.cancel();
  say_gone();
}

/// Tells the machine that is left, if one is, which one the pipe has ended with.
void Pipe::State::say_gone() const {
  const auto source = lock(source_);
  const auto target = lock(target_);
  const bool no_source = !source || source->disposed();
  const bool no_target = !target || target->disposed();
  if (no_source == no_target) return;
  (no_source ? *target : *source).core()->log(LogLevel::operations, [&] {
    return "[pipe:gc] " + (no_source ? source_id_ : target_id_);
  });
}

void Pipe::State::keep_itself() {
  const std::lock_guard lock(mutex_);
  if (active()) self_ = shared_from_this();
}

PipeCounters Pipe::State::counters() const {
  const std::lock_guard lock(mutex_);
  return counters_;
}

std::optional<Api> Pipe::State::lock(const std::weak_ptr<detail::Core>& core) {
  auto found = core.lock();
  return found == nullptr ? std::nullopt : std::optional<Api>(std::in_place, std::move(found));
}

bool Pipe::State::fed(const Api& source, StateIndex target) const {
  return std::ranges::any_of(routes_, [&](const internal::PipeRoute& route) {
    return route.to == target && source.core()->board().is(route.from);
  });
}

// -- what the source tells ------------------------------------------------------------

void Pipe::State::changed(std::span<const TickChange> changes, const Transition* transition) {
  const auto source = lock(source_);
  if (!source || !active()) return;
  std::vector<TickChange> news(changes.begin(), changes.end());
  const auto* trail = transition != nullptr ? transition->args->get_if<PipeTrail>() : nullptr;
  if (trail != nullptr && trail->has(target_key_)) {
    // The target, or a pipe behind it, said so itself; what follows from that is news to it.
    std::erase_if(news, [&](const TickChange& change) {
      return std::ranges::find(transition->called, change.state) != transition->called.end();
    });
  }
  auto steps =
      internal::pipe_steps(routes_, news, [&](StateIndex target) { return fed(*source, target); });
  if (options_.what == PipeWhat::activations) {
    steps.remove.clear();
    steps.remove_again.clear();
  }
  if (options_.what == PipeWhat::deactivations) steps.add.clear();
  if (steps.empty()) {
    const std::lock_guard lock(mutex_);
    ++counters_.skipped;
    return;
  }
  Args args;
  if (options_.args && !options_.flat && transition != nullptr) args = *transition->args;
  if (steps.error && args.get_if<ErrorInfo>() == nullptr) {
    if (auto error = source->last_error()) args = args.with(std::move(*error));
  }
  auto came_through = trail != nullptr ? *trail : PipeTrail{};
  came_through.machines.push_back(source_key_);
  std::deque<Item> forgotten;  // destroyed without the lock: arguments may call the pipe
  {
    const std::lock_guard lock(mutex_);
    if (!active()) return;
    if (mailbox_.size() >= options_.mailbox_limit) {
      forgotten.swap(mailbox_);
      sync_ = true;
    } else {
      mailbox_.push_back({std::move(steps), std::move(args), std::move(came_through)});
    }
  }
  schedule();
}

void Pipe::State::sync_later() {
  std::deque<Item> forgotten;
  {
    const std::lock_guard lock(mutex_);
    forgotten.swap(mailbox_);  // what is in it has happened to the source already
    sync_ = true;
  }
  schedule();
}

// -- forwarding: one at a time -----------------------------------------------------------

void Pipe::State::schedule() {
  {
    const std::lock_guard lock(mutex_);
    if (scheduled_ || waiting_ || !active()) return;
    scheduled_ = true;
  }
  executor_->post([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->run();
  });
}

void Pipe::State::run() {
  auto source = lock(source_);
  auto target = lock(target_);
  if (!source || !target) return close();
  for (int i = 0; i < visit_limit; ++i) {
    if (!step(*source, *target)) return;
  }
  const auto& next = executor_ == inline_executor() ? completion_executor() : executor_;
  next->post([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->run();
  });
}

/// False when there is nothing more to do for now.
bool Pipe::State::step(Api& source, Api& target) {
  std::optional<Item> item;
  {
    const std::lock_guard lock(mutex_);
    if (!active() || waiting_ || (!sync_ && mailbox_.empty())) {
      scheduled_ = false;
      return false;
    }
    if (!std::exchange(sync_, false)) {
      item = std::move(mailbox_.front());
      mailbox_.pop_front();
    }
  }
  if (item) {
    forward(target, std::move(*item));
  } else {
    bring_in_line(source, target);
  }
  return true;
}

void Pipe::State::bring_in_line(const Api& source, Api& target) {
  // While something is on its way, the target does not tell what it will be like.
  const bool settled = in_flight_.load(std::memory_order_acquire) == 0;
  Item item;
  for (const auto& route : routes_) {
    const bool wanted = fed(source, route.to);
    if (settled && target.core()->board().is(route.to) == wanted) continue;
    auto& states = wanted ? item.steps.add : item.steps.remove;
    if (std::ranges::find(states, route.to) != states.end()) continue;
    states.push_back(route.to);
    item.steps.error = item.steps.error || (wanted && route.error);
  }
  if (options_.what == PipeWhat::activations) item.steps.remove.clear();
  if (options_.what == PipeWhat::deactivations) item.steps.add.clear();
  if (item.steps.error) {
    if (auto error = source.last_error()) item.args = Args(std::move(*error));
  }
  item.trail = PipeTrail{{source_key_}};
  {
    const std::lock_guard lock(mutex_);
    ++counters_.syncs;
  }
  forward(target, std::move(item));
}

void Pipe::State::forward(Api& target, Item item) {
  auto& steps = item.steps;
  if (steps.error && options_.with_exception &&
      std::ranges::find(steps.add, exception_) == steps.add.end()) {
    steps.add.push_back(exception_);
  }
  // The trail is for pipes of this process.
  const auto args = target.is_local() ? item.args.with(std::move(item.trail)) : item.args;
  mutate(target, Kind::remove, std::move(steps.remove), args);
  mutate(target, Kind::add, std::move(steps.add), args);
  mutate(target, Kind::remove, std::move(steps.remove_again), args);
}

void Pipe::State::mutate(Api& target, Kind kind, std::vector<StateIndex> states, const Args& args) {
  if (options_.flat && in_flight_.load(std::memory_order_acquire) == 0) {
    const auto& board = target.core()->board();
    std::erase_if(states, [&](StateIndex state) { return board.is(state) == (kind == Kind::add); });
  }
  {
    const std::lock_guard lock(mutex_);
    ++(states.empty() ? counters_.skipped : counters_.forwarded);
    if (states.empty()) return;
  }
  const auto call = [&](Args given) {
    const StateList list(states);
    return kind == Kind::add ? target.add_async(list, std::move(given))
                             : target.remove_async(list, std::move(given));
  };
  in_flight_.fetch_add(1, std::memory_order_acq_rel);
  const auto pending = [&] {
    if (target.is_local()) return call(args);
    try {
      return call(args);
    } catch (const Error&) {  // of a type that is not registered for the wire
      return call({});
    }
  }();
  pending.then(internal::DirectExecutor::instance(), [weak = weak_from_this()](Result result) {
    if (const auto self = weak.lock()) self->told(result);
  });
}

/// What came of a mutation; within the target's transition, so it only takes notes.
void Pipe::State::told(Result result) {
  in_flight_.fetch_sub(1, std::memory_order_acq_rel);
  if (result == Result::executed || result.reason() == Reason::disposed) return;
  const auto reason = result.reason();
  // Of a timeout nobody knows whether the mutation's own handlers overran, or the target has
  // emptied its queue because of another's.
  const bool lost = reason == Reason::queue_full || reason == Reason::backoff ||
                    reason == Reason::timeout || result == Result::not_sent ||
                    result == Result::unknown;
  std::deque<Item> forgotten;
  {
    const std::lock_guard lock(mutex_);
    if (!lost) {
      ++counters_.refused;
      return;
    }
    forgotten.swap(mailbox_);
    sync_ = true;
    if (std::exchange(waiting_, true)) return;
  }
  const auto again = [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self == nullptr) return;
    {
      const std::lock_guard lock(self->mutex_);
      self->waiting_ = false;
    }
    self->schedule();
  };
  const auto target = lock(target_);
  if (!target) return;
  if (target->is_local() && reason == Reason::queue_full) {
    target->when_queue_ends().then(again);
  } else {
    const auto timers = target->core()->timers();
    // Not inline, which would be on the timers' thread.
    timers->at(timers->now() + unreachable_pause, again,
               executor_ != inline_executor() ? executor_ : nullptr);
  }
}

}  // namespace am
