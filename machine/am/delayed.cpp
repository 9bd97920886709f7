// Mutations after a time, once or again and again.
#include <am/api.hpp>

#include <am/internal/local_core.hpp>
#include <am/timers.hpp>

#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace am {

struct Delayed::State : std::enable_shared_from_this<Delayed::State> {
  std::weak_ptr<Timers> timers;  ///< which own this while it is armed
  std::weak_ptr<detail::Core> core;
  std::vector<StateIndex> called;
  Args args;
  MutationOptions options{};
  std::string source{};                ///< the machine that `options.source` names
  Timers::Clock::duration interval{};  ///< 0: once
  Timers::Clock::time_point due{};

  std::shared_ptr<detail::PendingState<Result>> last{};  ///< mutation; by the timer only

  std::mutex mutex;
  bool over = false;
  TimerId timer{};

  /// With the mutex free: fake timers run what is due at once.
  void arm() {
    const auto clock = timers.lock();
    if (clock == nullptr) return;  // time stands still
    const auto id = clock->at(due, [self = shared_from_this()] { self->run(); });
    const std::lock_guard lock(mutex);
    timer = id;
    if (over) clock->cancel(id);
  }

  void run() {
    {
      const std::lock_guard lock(mutex);
      if (over) return;
      over = interval == Timers::Clock::duration::zero();
    }
    const auto machine = core.lock();
    if (machine == nullptr || machine->over()) {
      const std::lock_guard lock(mutex);
      over = true;
      return;
    }
    // Of a machine that does not keep up, one waits, not all that it missed.
    if (last == nullptr || last->signal.fired()) {
      last = std::make_shared<detail::PendingState<Result>>(nullptr);
      add(*machine);
    }
    if (interval == Timers::Clock::duration::zero()) return;
    due = detail::deadline_after(due, interval);
    // A program that was held up makes one mutation late, not all that it missed.
    const auto clock = timers.lock();
    if (clock == nullptr) return;
    if (const auto now = clock->now(); due <= now)
      due += (now - due) / interval * interval + interval;
    arm();
  }

  /// Handlers must not hold up the thread on which all timers go off. Timers of the program's own
  /// go off where the program wants them to.
  void add(detail::Core& machine) {
    if (machine.is_local() && machine.timers() == system_timers()) {
      static_cast<detail::LocalCore&>(machine).add_due(called, args, options, last);
    } else {
      machine.mutate_async(detail::Operation::add, StateList(called), args, options, last);
    }
  }

  bool cancel() {
    TimerId armed;
    {
      const std::lock_guard lock(mutex);
      if (std::exchange(over, true)) return false;
      armed = timer;
    }
    if (const auto clock = timers.lock()) clock->cancel(armed);
    return true;
  }
};

bool Delayed::cancel() const { return state_ != nullptr && state_->cancel(); }

Delayed Api::add_later(Timers::Clock::duration delay, Timers::Clock::duration interval,
                       StateList states, Args args, const MutationOptions& options) {
  auto state = std::make_shared<Delayed::State>();
  board_->indexes_of(states, state->called);
  const auto timers = core_->timers();
  state->timers = timers;
  state->core = core_;
  state->args = std::move(args);
  state->source = options.source.machine;
  state->options = options;
  state->options.source.machine = state->source;
  state->interval = interval;
  state->due = detail::deadline_after(timers->now(), delay);
  state->arm();
  return Delayed(std::move(state));
}

Delayed Api::add_repeatedly(Timers::Clock::duration interval, StateList states, Args args,
                            const MutationOptions& options) {
  if (interval <= Timers::Clock::duration::zero()) {
    throw Error(Errc::invalid_argument, "add_every: the interval must be longer than nothing");
  }
  return add_later(interval, interval, states, std::move(args), options);
}

}  // namespace am
