#include <am/api.hpp>

#include <am/detail/thread_scratch.hpp>
#include <am/error.hpp>
#include <am/internal/waits.hpp>

#include <algorithm>
#include <utility>

namespace am {

using internal::WaitTerm;

Result Api::add_error(ErrorInfo error, StateList states, const Args& args) {
  std::vector<StateIndex> called;
  board_->indexes_of(states, called);
  called.push_back(board_->index_of(StateRef(exception_state)));
  return core_->mutate(detail::Operation::add, StateList(called), args.with(std::move(error)), {});
}

Pending<Result> Api::mutate_async(detail::Operation operation, StateList states, Args args,
                                  const MutationOptions& options) {
  auto pending = std::make_shared<detail::PendingState<Result>>(core_);
  core_->mutate_async(operation, states, std::move(args), options, pending);
  return Pending<Result>(std::move(pending));
}

Time Api::time() const {
  struct Snapshot;
  auto& ticks = detail::thread_scratch<std::vector<std::uint64_t>, Snapshot>();
  board_->snapshot(ticks);
  Time time;
  time.ticks.reserve(ticks.size());
  for (const auto tick : ticks) time.ticks.emplace_back(tick);
  return time;
}

std::vector<std::string_view> Api::active_states() const {
  std::vector<StateIndex> indexes;
  core_->active_states(indexes);
  std::vector<std::string_view> names;
  names.reserve(indexes.size());
  for (const auto i : indexes) names.push_back(schema().names()[i]);
  return names;
}

namespace {

Wait wait_for_all(detail::Core& core, const StateList& states, WaitTerm::Kind kind) {
  std::vector<StateIndex> indexes;
  core.board().indexes_of(states, indexes);
  std::vector<WaitTerm> terms;
  terms.reserve(indexes.size());
  for (const auto i : indexes) terms.push_back({i, kind, 0});
  return core.wait_on(std::move(terms));
}

}  // namespace

Wait Api::when(StateList states) const {
  return wait_for_all(*core_, states, WaitTerm::Kind::active);
}

Wait Api::when_not(StateList states) const {
  return wait_for_all(*core_, states, WaitTerm::Kind::inactive);
}

Wait Api::when_time(StateRef state, Tick tick) const {
  return core_->wait_on({{board_->index_of(state), WaitTerm::Kind::tick, tick.value}});
}

Wait Api::when_ticks(StateRef state, std::uint64_t ticks) const {
  return core_->wait_on_ticks(board_->index_of(state), ticks);
}

Wait Api::when_next_active(StateRef state) const {
  const auto index = board_->index_of(state);
  while (true) {
    const auto epoch = core_->epochs();
    const Tick now{board_->tick(index)};
    auto wait = core_->wait_on({{index, WaitTerm::Kind::tick, now.value + (now.active() ? 2 : 1)}});
    if (core_->epochs() == epoch) return wait;  // else it may be for a tick of former clocks
  }
}

Wait Api::when_change() const {
  return when_query([then = time().sum()](const Time& now) { return now.sum() != then; });
}

Wait Api::when_queue(QueueTick tick) const { return core_->wait_on_queue(tick.value); }

Wait Api::when_matching(StateRef state, std::function<bool(const Args&)> match) const {
  if (!is_local()) {
    throw Error(Errc::invalid_argument,
                "a function cannot be sent to the source of a remote machine: give when_args the "
                "named values");
  }
  return core_->wait_on_args(board_->index_of(state), std::move(match));
}

Wait Api::when_args(StateRef state, const Args& wanted) const {
  if (!wanted.typed().empty()) {
    throw Error(Errc::invalid_argument,
                "when_args compares named values only: pass a function for typed ones");
  }
  return core_->wait_on_named(board_->index_of(state), wanted);
}

Wait Api::when_queue_ends() const {
  if (!is_local()) {
    throw Error(Errc::invalid_argument,
                "when_queue_ends is not there for remote machines: use when_queue or add_async");
  }
  return core_->wait_on_queue_end();
}

std::stop_token Api::while_active(StateRef state) const {
  return core_->context(board_->index_of(state));
}

}  // namespace am
