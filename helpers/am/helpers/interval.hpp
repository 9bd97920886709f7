// Doing something again and again, and once things have become quiet.
#pragma once

#include <am/api.hpp>
#include <am/helpers/limits.hpp>
#include <am/pending.hpp>
#include <am/timers.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <vector>

namespace am {

struct IntervalOptions {
  /// Ends after this long, even if it was never called.
  Duration total = forever;
  std::stop_token stop{};
  /// The process's when null.
  std::shared_ptr<Timers> timers{};
  /// Where `fn` runs; `Timers::at` says where when null.
  std::shared_ptr<Executor> executor{};
};

/// Calls `fn` each time that `every` has passed, never two at a time, until it returns false (the
/// value is `fired`), `total` has passed (`timeout`), or `stop` is stopped (`stopped`; a call that
/// has begun goes on). Calls that fall behind are left out. `fn` must not throw. Dropping the value
/// changes nothing. Throws `Error` (invalid_argument) for an interval of nothing. Any thread.
Pending<Ended> interval(Duration every, std::function<bool()> fn, IntervalOptions options = {});

/// Adds Healthcheck every `every`, by the machine's timers, until canceled or the machine is gone.
inline Delayed healthcheck(Api machine, Duration every = std::chrono::seconds{30}) {
  return machine.add_every(every.get(), "Healthcheck");
}

/// Activates a state once nothing has poked for a while. Poking costs a lock and a clock read. All
/// methods may be called from any thread; the handle ends it.
///
///     am::Debounce save{editor, "Save", 500ms};
///     save.watch(editor, {"Typing"});       // each tick of Typing pokes
class [[nodiscard]] Debounce {
 public:
  /// By `timers`, or the machine's when null. Throws `Error` (unknown_state).
  Debounce(const Api& machine, StateRef state, Duration quiet,
           std::shared_ptr<Timers> timers = nullptr);
  Debounce(Debounce&&) noexcept = default;
  Debounce& operator=(Debounce&& other) noexcept;
  ~Debounce();

  /// Starts the quiet time anew: the state comes when it has passed without another poke.
  void poke();
  /// Pokes whenever one of `states` of `source`, local or remote, changes.
  void watch(const Api& source, const std::vector<StateName>& states);
  /// Takes back what was poked; false when nothing was to come.
  bool cancel();

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace am
