// The abstract machine: what local machines and remote proxies have in common.
#pragma once

#include <am/args.hpp>
#include <am/detail/core.hpp>
#include <am/detail/deadline.hpp>
#include <am/error_info.hpp>
#include <am/mutation_options.hpp>
#include <am/pending.hpp>
#include <am/result.hpp>
#include <am/schema.hpp>
#include <am/state_id.hpp>
#include <am/tick.hpp>
#include <am/timers.hpp>
#include <am/wait.hpp>

#include <chrono>
#include <concepts>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace am {

/// A handle to a machine, local or remote. Copies are cheap and refer to the same machine; they
/// keep its memory, not its life: once the owner (`Machine`, `rpc::RemoteMachine`) is gone,
/// mutations are canceled with Reason::disposed and waits end as disposed. All methods may be
/// called from any thread, also from handlers. Names and ids that the machine does not have throw
/// `Error` (unknown_state) everywhere.
class Api {
 public:
  explicit Api(std::shared_ptr<detail::Core> core)
      : core_(std::move(core)), board_(&core_->board()) {}
  Api(const Api&) = default;
  Api(Api&&) noexcept = default;
  Api& operator=(const Api&) = default;
  Api& operator=(Api&&) noexcept = default;
  /// Not from an owner that is about to go: the handle would be to a machine that nobody owns. Give
  /// the owner a name and copy the handle from it.
  template <class Owner>
  requires(std::derived_from<Owner, Api> && !std::same_as<Owner, Api>) Api(Owner&&)
  = delete;

  // -- mutations --------------------------------------------------------------
  // On a local machine the caller that finds the queue idle runs it and gets the outcome; others
  // and handlers get `queued`. On a remote machine the call blocks until the source has run the
  // mutation and all that its handlers queued.

  /// Activates `states`.
  Result add(StateList states, Args args = {}, const MutationOptions& options = {}) {
    return core_->mutate(detail::Operation::add, states, std::move(args), options);
  }
  /// Deactivates `states`.
  Result remove(StateList states, Args args = {}, const MutationOptions& options = {}) {
    return core_->mutate(detail::Operation::remove, states, std::move(args), options);
  }
  /// Makes `states`, and what they imply, the only active ones.
  Result set(StateList states, Args args = {}, const MutationOptions& options = {}) {
    return core_->mutate(detail::Operation::set, states, std::move(args), options);
  }
  /// Removes `states` when all of them are active now, else adds them. Chooses when it is called.
  Result toggle(StateList states, Args args = {}, const MutationOptions& options = {}) {
    return core_->mutate(detail::Operation::toggle, states, std::move(args), options);
  }
  /// Asks whether `add` would be accepted: relations and negotiation only, nothing changes. Waits
  /// for a busy queue, except in a handler, of whatever machine, where the answer is `queued`. With
  /// a ttl in `options` it waits no longer than that, in real time, and gives up as canceled with
  /// Reason::expired.
  Result can_add(StateList states, Args args = {}, const MutationOptions& options = {}) {
    return core_->mutate(detail::Operation::can_add, states, std::move(args), options);
  }
  /// Asks whether `remove` would be accepted; as `can_add`.
  Result can_remove(StateList states, Args args = {}, const MutationOptions& options = {}) {
    return core_->mutate(detail::Operation::can_remove, states, std::move(args), options);
  }
  /// Adds Exception, and `states` with it, with `error` as the argument of type ErrorInfo beside
  /// those in `args`.
  Result add_error(ErrorInfo error, StateList states = {}, const Args& args = {});

  // -- mutations whose outcome comes later ----------------------------------------
  // They never block: a full queue refuses them. The outcome is there when the mutation, and all
  // that its handlers queued, has run; it is never `queued`. On a local machine that is idle they
  // run at once, on the calling thread; calls on a remote machine follow one another on the wire
  // without waiting for replies.

  /// Activates `states`.
  Pending<Result> add_async(StateList states, Args args = {}, const MutationOptions& options = {}) {
    return mutate_async(detail::Operation::add, states, std::move(args), options);
  }
  /// Deactivates `states`.
  Pending<Result> remove_async(StateList states, Args args = {},
                               const MutationOptions& options = {}) {
    return mutate_async(detail::Operation::remove, states, std::move(args), options);
  }
  /// Makes `states`, and what they imply, the only active ones.
  Pending<Result> set_async(StateList states, Args args = {}, const MutationOptions& options = {}) {
    return mutate_async(detail::Operation::set, states, std::move(args), options);
  }
  /// Removes `states` when all of them are active now, else adds them; as `toggle`.
  Pending<Result> toggle_async(StateList states, Args args = {},
                               const MutationOptions& options = {}) {
    return mutate_async(detail::Operation::toggle, states, std::move(args), options);
  }

  /// Activates `states` once `delay` has passed. It is queued then by a thread of the library
  /// (`Timers::at`), and run, on a local machine with the process's timers, by another, which its
  /// handlers may hold up. The ttl in `options` runs from when it is due. Does not keep the
  /// machine.
  template <class Rep, class Period>
  Delayed add_after(std::chrono::duration<Rep, Period> delay, StateList states, Args args = {},
                    const MutationOptions& options = {}) {
    return add_later(detail::saturated(delay), {}, states, std::move(args), options);
  }
  /// Activates `states` each time `interval` has passed, until canceled or the machine is gone; as
  /// `add_after`. What falls behind is made up for once, not as often as it was missed. Throws
  /// `Error` (invalid_argument) for an interval of nothing.
  template <class Rep, class Period>
  Delayed add_every(std::chrono::duration<Rep, Period> interval, StateList states, Args args = {},
                    const MutationOptions& options = {}) {
    return add_repeatedly(detail::saturated(interval), states, std::move(args), options);
  }

  // -- reading: never blocks on a mutation --------------------------------------

  /// True when the state is active. One atomic load.
  bool is(StateId state) const { return board_->is(board_->index_of(state)); }
  /// True when all of `states` are active at one instant; true for an empty list.
  bool is(StateList states) const { return board_->tally(states).inactive == 0; }
  bool is(std::initializer_list<StateRef> states) const { return is(StateList(states)); }
  /// True when none of `states` is active; true for an empty list.
  bool is_not(StateId state) const { return !is(state); }
  bool is_not(StateList states) const { return board_->tally(states).active == 0; }
  bool is_not(std::initializer_list<StateRef> states) const { return is_not(StateList(states)); }
  /// True when at least one of `states` is active; false for an empty list.
  bool any(StateList states) const { return board_->tally(states).active != 0; }

  /// The first of `states` that is active at one instant, for example of a group:
  /// `first_active(schema().group("Link"))`. `StateId{}` when none is.
  StateId first_active(StateList states) const {
    const auto index = board_->first_active(states);
    return index ? schema().id(*index) : StateId{};
  }
  StateId first_active(std::initializer_list<StateRef> states) const {
    return first_active(StateList(states));
  }

  /// Clock of one state. One atomic load.
  Tick tick(StateId state) const { return Tick{board_->tick(board_->index_of(state))}; }
  Tick tick(StateRef state) const { return Tick{board_->tick(board_->index_of(state))}; }
  /// Clocks of all states in index order, as of one instant.
  Time time() const;
  QueueTick queue_tick() const noexcept { return QueueTick{board_->queue_tick()}; }
  MachineTick machine_tick() const noexcept { return MachineTick{board_->machine_tick()}; }
  /// Names of the active states, in machine order on a local machine (the order of the last
  /// accepted targets), in index order on a remote one. Valid while a handle to the machine lives.
  std::vector<std::string_view> active_states() const;

  // -- waiting ------------------------------------------------------------------

  /// Ends when all of `states` are active at the end of a transition.
  Wait when(StateList states) const;
  Wait when(std::initializer_list<StateRef> states) const { return when(StateList(states)); }
  /// Ends when none of `states` is active at the end of a transition.
  Wait when_not(StateList states) const;
  Wait when_not(std::initializer_list<StateRef> states) const {
    return when_not(StateList(states));
  }
  /// Ends when the clock of `state` has reached `tick`.
  Wait when_time(StateRef state, Tick tick) const;
  /// Ends when the clock of `state` has grown by `ticks` from now on.
  Wait when_ticks(StateRef state, std::uint64_t ticks) const;
  /// Ends when `state` becomes active after this, also when it is active now; for a multi state,
  /// when it is activated again.
  Wait when_next_active(StateRef state) const;
  /// Ends when any state's clock has moved since the call. Each transition adds up all clocks for
  /// it: on a machine of many states, wait for those that matter.
  Wait when_change() const;
  /// Ends when Exception is active.
  Wait when_error() const { return when(exception_state); }
  /// Ends when the mutation with this queue tick, as in a queued `Result`, has run.
  Wait when_queue(QueueTick tick) const;
  /// Ends when `query` holds: at once if it does now, else at the end of a transition that changed
  /// ticks. It is called with the clocks by state index, on any thread, on several at a time: it
  /// must be pure, must not throw and must not call the machine. Each transition evaluates all.
  Wait when_query(std::function<bool(const Time&)> query) const {
    return core_->wait_on_query(std::move(query));
  }
  /// Ends when `state` is activated (for a multi state also: again) by a mutation whose arguments
  /// `match`, right after the state's own handlers; not when one of them throws. `match` must be
  /// pure and must not throw. On a remote machine it throws `Error` (invalid_argument), as a
  /// function cannot be sent.
  template <std::predicate<const Args&> F>
  Wait when_args(StateRef state, F match) const {
    return when_matching(state, std::function<bool(const Args&)>(std::move(match)));
  }
  /// The same for arguments that have all named values of `wanted`. Throws `Error`
  /// (invalid_argument) for typed ones, which only a function can compare. A remote machine asks
  /// its source, in the order of its mutations; at most 256 such waits at a time, more throw too.
  /// They end as `unknown` when a match may have been missed: see docs/remote.md.
  Wait when_args(StateRef state, const Args& wanted) const;
  /// Ends when nobody runs the queue: at once, or when it has run empty. On a remote machine it
  /// throws `Error` (invalid_argument).
  Wait when_queue_ends() const;

  /// A token that is stopped when the present activation of `state` ends, before its End handlers
  /// run; also when a multi state is activated again. Already stopped when the state is inactive.
  /// Stop callbacks run on the thread that ends the activation and must not block.
  std::stop_token while_active(StateRef state) const;

  // -- about the machine ----------------------------------------------------------

  const std::string& id() const noexcept { return core_->id(); }
  const CompiledSchema& schema() const noexcept { return board_->schema(); }
  /// The id of the state called `name`, for calls that should not look it up again.
  StateId state(std::string_view name) const { return schema().id(name); }
  /// The last error that was added; stays after Exception is removed.
  std::optional<ErrorInfo> last_error() const { return core_->last_error(); }
  /// False for remote machines.
  bool is_local() const noexcept { return core_->is_local(); }
  /// True once the owner is gone or has disposed of the machine.
  bool disposed() const noexcept { return core_->over() == Ended::disposed; }

  /// For the library's other modules.
  const std::shared_ptr<detail::Core>& core() const noexcept { return core_; }

 protected:
  std::shared_ptr<detail::Core> core_;
  detail::ClockBoard* board_;

 private:
  Wait when_matching(StateRef state, std::function<bool(const Args&)> match) const;
  Pending<Result> mutate_async(detail::Operation operation, StateList states, Args args,
                               const MutationOptions& options);
  Delayed add_later(Timers::Clock::duration delay, Timers::Clock::duration interval,
                    StateList states, Args args, const MutationOptions& options);
  Delayed add_repeatedly(Timers::Clock::duration interval, StateList states, Args args,
                         const MutationOptions& options);
};

/// Throws `Error` (schema) that names the first state of `need` which `machine` lacks.
inline void verify(const Api& machine, const StateSet& need) { verify(machine.schema(), need); }

}  // namespace am
