// Lets machines come to rest.
#pragma once

#include <am/api.hpp>
#include <am/testing/fake_timers.hpp>
#include <am/testing/manual_executor.hpp>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <memory>
#include <semaphore>
#include <vector>

namespace am::testing {

/// What takes part in `run_until_idle` besides the machines, and how long it may take.
struct Idle {
  /// Timers that are due now go off; time does not pass.
  std::vector<std::shared_ptr<FakeTimers>> timers{};
  std::vector<std::shared_ptr<ManualExecutor>> executors{};
  /// Rounds over all of them. Machines that always give each other something to do never rest.
  std::size_t limit = 1000;
  /// For the transitions and completions of other threads.
  std::chrono::milliseconds patience{10'000};
};

namespace detail {

/// Waits until what `completion_executor` has been given by now has run.
inline bool completions_pass(std::chrono::milliseconds patience) {
  const auto passed = std::make_shared<std::binary_semaphore>(0);
  completion_executor()->post([passed] { passed->release(); });
  return passed->try_acquire_for(patience);
}

inline std::uint64_t progress(const Api& machine) {
  return machine.time().sum() + machine.queue_tick().value;
}

}  // namespace detail

/// Returns once the queues of `machines` are empty, timers that are due have gone off, and the
/// executors, the library's thread for completions included, have nothing left that any of this
/// caused. False when they are not at rest after `limit` rounds, or another thread keeps one busy
/// for longer than `patience`. Of remote machines only the completions are waited for. Other
/// threads of the program may always begin something new. Throws `Error` (would_deadlock) in a
/// handler of one of the machines.
template <std::derived_from<Api>... Machines>
bool run_until_idle(const Idle& idle, const Machines&... machines) {
  const std::vector<const Api*> all{&machines...};
  const auto progress = [&] {
    std::uint64_t sum = 0;
    for (const auto* machine : all) sum += detail::progress(*machine);
    return sum;
  };
  int quiet = 0;
  for (std::size_t round = 0; round < idle.limit; ++round) {
    const auto before = progress();
    std::size_t ran = 0;
    for (const auto* machine : all) {
      if (machine->is_local() && !machine->disposed() &&
          machine->when_queue_ends().wait_for(idle.patience) == Ended::timeout) {
        return false;
      }
    }
    for (const auto& timers : idle.timers) ran += timers->advance({});
    for (const auto& executor : idle.executors) ran += executor->run_all(idle.limit);
    if (!detail::completions_pass(idle.patience)) return false;
    // Twice, as a completion may have posted another one.
    quiet = ran == 0 && progress() == before ? quiet + 1 : 0;
    if (quiet == 2) return true;
  }
  return false;
}

/// The same with nothing but machines.
template <std::derived_from<Api>... Machines>
bool run_until_idle(const Machines&... machines) {
  return run_until_idle(Idle{}, machines...);
}

}  // namespace am::testing
