#include <am/detail/core.hpp>

#include <am/error.hpp>
#include <am/internal/wait_words.hpp>
#include <am/internal/waits.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

namespace am::detail {

using internal::Waits;
using internal::WaitState;
using internal::WaitTerm;

Core::Core(std::string id, CompiledSchema schema)
    : id_(std::move(id)), board_(std::move(schema)), waits_(std::make_unique<Waits>(board_)) {}

Core::~Core() = default;

Wait Core::attach(WaitState* state) {
  Wait handle(state);
  state->core = shared_from_this();
  log(LogLevel::operations, [&] { return internal::wait_words(*state, "new", board_.schema()); });
  auto how = Ended::fired;
  {
    const std::lock_guard lock(board_.commit_mutex());
    // A machine that is over changes no more: even what holds ends so, or a loop over waits would
    // never end. `release_all` takes the same mutex after the mark.
    if (const auto end = over()) {
      how = *end;
    } else if (waits_->attach(*state)) {
      return handle;
    }
  }
  if (how == Ended::fired) say_matched(state);
  state->end(how);
  return handle;
}

/// Tells that the waits of a chain, linked by `next`, are about to fire.
void Core::say_matched(const WaitState* chain) const {
  if (chain == nullptr || !logs(LogLevel::operations)) return;
  for (; chain != nullptr; chain = chain->next) {
    say(LogLevel::operations, internal::wait_words(*chain, "match", board_.schema()));
  }
}

void Core::detach(WaitState& state) {
  const std::lock_guard lock(board_.commit_mutex());
  waits_->detach(state);
}

Wait Core::wait_on(std::vector<WaitTerm> terms) {
  auto* state = new WaitState;
  state->terms = std::move(terms);
  return attach(state);
}

Wait Core::wait_on_queue(std::uint64_t queue_tick) {
  auto* state = new WaitState;
  state->queue_tick = queue_tick;
  return attach(state);
}

Wait Core::wait_on_ticks(StateIndex state, std::uint64_t ticks) {
  // Ticks only grow: a change between this read and the attachment ends the wait at once.
  const auto tick = board_.tick(state);
  const auto wanted = tick + std::min(ticks, std::numeric_limits<std::uint64_t>::max() - tick);
  return wait_on({{state, WaitTerm::Kind::tick, wanted}});
}

namespace {

Time time_of(const ClockBoard& board) {
  std::vector<std::uint64_t> ticks;
  board.snapshot(ticks);
  Time time;
  time.ticks.reserve(ticks.size());
  for (const auto tick : ticks) time.ticks.emplace_back(tick);
  return time;
}

}  // namespace

/// Takes a wait that holds, or never will, out of its bag, unless it has ended meanwhile.
void Core::end_now(WaitState& state, Ended how) {
  {
    const std::lock_guard lock(board_.commit_mutex());
    waits_->detach(state);
  }
  if (how == Ended::fired) {
    log(LogLevel::operations,
        [&] { return internal::wait_words(state, "match", board_.schema()); });
  }
  state.end(how);
}

Wait Core::wait_on_query(std::function<bool(const Time&)> query) {
  if (query == nullptr) throw Error(Errc::invalid_argument, "when_query needs a function");
  auto* state = new WaitState;
  state->bag = internal::Bag::query;
  state->query = std::move(query);
  auto wait = attach(state);
  // Attached first: a change between the two is looked at by whoever made it.
  if (!wait.done() && state->query(time_of(board_))) end_now(*state);
  return wait;
}

Wait Core::wait_on_args(StateIndex state_index, std::function<bool(const Args&)> match) {
  if (match == nullptr) throw Error(Errc::invalid_argument, "when_args needs a function");
  auto* state = new WaitState;
  state->bag = internal::Bag::args;
  state->watched = state_index;
  state->match = std::move(match);
  return attach(state);
}

Wait Core::wait_on_named(StateIndex state, const Args& wanted) {
  return wait_on_args(state, [wanted](const Args& args) {
    return std::ranges::all_of(wanted.named(), [&](const Args::Named& named) {
      const auto* value = args.get_if(named.name);
      return value != nullptr && *value == named.value;
    });
  });
}

Wait Core::wait_on_queue_end() {
  auto* state = new WaitState;
  state->bag = internal::Bag::queue_end;
  auto wait = attach(state);
  // Attached first: either this sees that the queue is at rest, or who releases it sees the wait.
  if (!wait.done() && !queue_busy()) end_now(*state);
  return wait;
}

/// Looks at the waits of `bag` one by one, without the mutex, as `holds` may be the user's code.
template <class Holds>
void Core::fire_held(internal::Bag bag, Holds&& holds, Ended how) {
  std::vector<WaitState*> held;
  {
    const std::lock_guard lock(board_.commit_mutex());
    held = waits_->hold(bag);
  }
  for (auto* state : held) {
    if (holds(std::as_const(*state))) end_now(*state, how);
    state->drop_reference();
  }
}

void Core::fire_args_waits(StateIndex state, const Args& args, Ended how) {
  fire_held(
      internal::Bag::args,
      [&](const WaitState& wait) noexcept { return wait.watched == state && wait.match(args); },
      how);
}

void Core::fire_queue_end_waits() {
  fire_held(internal::Bag::queue_end, [](const WaitState&) noexcept { return true; });
}

std::stop_token Core::context(StateIndex state) {
  log(LogLevel::operations, [&] { return internal::context_words(state, "new", board_.schema()); });
  const std::lock_guard lock(board_.commit_mutex());
  if (over()) {
    std::stop_source stopped;
    stopped.request_stop();
    return stopped.get_token();
  }
  return waits_->context(state);
}

void Core::stop(std::vector<EndedContext>& contexts) const {
  for (auto& [state, source] : contexts) {
    log(LogLevel::operations,
        [&, s = state] { return internal::context_words(s, "match", board_.schema()); });
    source.request_stop();
  }
}

void Core::fire_waits(std::span<const StateIndex> changed) {
  if (waits_->idle()) return;
  if (waits_->may_fire(changed)) {
    WaitState* chain = nullptr;
    {
      const CommitMutex::Writer lock(board_.commit_mutex());
      chain = waits_->fired(changed);
    }
    say_matched(chain);
    Waits::finish(chain, Ended::fired);
  }
  if (waits_->count(internal::Bag::query) == 0) return;
  const auto time = time_of(board_);
  fire_held(internal::Bag::query, [&](const WaitState& wait) noexcept { return wait.query(time); });
}

/// 0: up to the tick that `Waits::queue_ends` was told.
void Core::fire_queue_waits(std::uint64_t ended) {
  if (ended != 0 && !waits_->queue_ended(ended)) return;
  WaitState* chain = nullptr;
  {
    const std::lock_guard lock(board_.commit_mutex());
    chain = waits_->fired_by_queue();
  }
  say_matched(chain);
  Waits::finish(chain, Ended::fired);
}

void Core::begin_epoch(std::span<const std::uint64_t> ticks, std::uint64_t queue_tick,
                       std::uint32_t machine_tick) {
  std::vector<StateIndex> all(ticks.size());
  std::iota(all.begin(), all.end(), StateIndex{0});
  WaitState* incomparable = nullptr;
  std::vector<std::stop_source> contexts;
  {
    const CommitMutex::Writer lock(board_.commit_mutex());
    {
      ClockBoard::Write clocks(board_);
      for (const auto i : all) clocks.tick(i, ticks[i]);
      clocks.queue_tick(queue_tick);
      clocks.machine_tick(machine_tick);
    }
    // In the same section: what is attached from now on belongs to the new clocks.
    waits_->take_all_contexts(contexts);
    incomparable = waits_->take_incomparable(queue_tick);
  }
  for (auto& source : contexts) source.request_stop();
  Waits::finish(incomparable, Ended::epoch_changed);
  fire_waits(all);
}

void Core::rewind(const std::function<void(ClockBoard::Write&)>& write) {
  WaitState* incomparable = nullptr;
  std::vector<std::stop_source> contexts;
  {
    const CommitMutex::Writer lock(board_.commit_mutex());
    {
      ClockBoard::Write clocks(board_);
      write(clocks);
    }
    waits_->take_all_contexts(contexts);
    incomparable = waits_->take_tick_waits();
  }
  for (auto& source : contexts) source.request_stop();
  Waits::finish(incomparable, Ended::epoch_changed);
}

void Core::grow_board(const CompiledSchema& larger) {
  const auto& before = board_.schema().names();
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (i < larger.size() && larger.names()[i] == before[i]) continue;
    throw Error(Errc::schema,
                fmt::format("machine \"{}\" has grown into another one: state \"{}\" is not at its "
                            "place any more",
                            id_, before[i]));
  }
  auto storage = ClockBoard::make_storage(larger);
  const CommitMutex::Writer lock(board_.commit_mutex());
  waits_->grow(larger.size());
  board_.grow(std::move(storage));
}

void Core::release_all(Ended how) {
  WaitState* chain = nullptr;
  std::vector<std::stop_source> contexts;
  {
    const std::lock_guard lock(board_.commit_mutex());
    chain = waits_->take_all();
    waits_->take_all_contexts(contexts);
  }
  // As in a transition: whoever wakes from a wait finds the contexts stopped.
  for (auto& source : contexts) source.request_stop();
  Waits::finish(chain, how);
}

}  // namespace am::detail
