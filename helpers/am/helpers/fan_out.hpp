// One state that fans out into many tasks, and another that tells when all are done.
#pragma once

#include <am/machine.hpp>
#include <am/task.hpp>

#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace am {

/// `base` and the states of a fan-out called `name`, for `total` tasks:
///
///     name           added to start it; plain, unless `base` has it already
///     name0 ...      task 0 runs; require `name`
///     name0Done ...  task 0 is done; remove `name0`
///     nameDone       automatic, once all tasks are done; removes `name`
///
/// Throws `Error` (invalid_argument) for no tasks, (schema) when `base` has one of the others.
Schema fan_out_schema(Schema base, std::string_view name, std::size_t total);

/// What a task is given.
struct FanOutTask {
  std::size_t index = 0;
  /// Stopped when the task's state ends before the task does: `name` was removed, or the machine or
  /// the FanOut is gone.
  std::stop_token stop{};
  Api machine;
};

struct FanOutOptions {
  /// Most tasks that run at a time.
  std::size_t concurrency = 4;
  /// Picks the next task among those that have not begun (ascending). The lowest when empty, or
  /// when it throws. Called with a lock held: it must not call the FanOut or the machine.
  std::function<std::size_t(std::span<const std::size_t>)> choose{};
  /// Where tasks run. Null: `concurrency` threads of the FanOut's own, started as they are needed.
  std::shared_ptr<Executor> executor{};
};

struct FanOutProgress {
  std::size_t total = 0;
  std::size_t done = 0;
  std::size_t running = 0;
  std::size_t failed = 0;
};

/// Runs the tasks of a fan-out while `name` is active. Adding `name` starts the first ones, lowest
/// index first; each that ends makes room for the next. A task that throws adds Exception, with
/// `where` the name of its state, and leaves the others alone: it counts as failed and is run
/// again when `name` is added anew. When `name` is removed, tasks are asked to stop, what is done
/// stays done, and the rest begins when `name` comes back.
///
///     am::Machine m{am::fan_out_schema({{"Ready", {}}}, "Fetch", 20)};
///     const am::FanOut fetch{m, "Fetch", {.concurrency = 3},
///                            [](am::FanOutTask task) { download(task.index); }};
///     m.add("Fetch");
///     m.when("FetchDone").wait();
///
/// All methods may be called from any thread. The machine may go first.
class [[nodiscard]] FanOut {
 public:
  /// `task(FanOutTask)` returns nothing, and may then block, or `am::Task<>`. It is called on the
  /// executor, on several threads at a time. The schema of `machine` tells how many tasks there
  /// are; throws `Error` (unknown_state) when it has no fan-out called `name`.
  template <std::invocable<FanOutTask> F>
  FanOut(Machine& machine, std::string_view name, FanOutOptions options, F task)
      : FanOut(machine, name, std::move(options), runner(std::move(task)), Erased{}) {}
  FanOut(FanOut&&) noexcept = default;
  FanOut& operator=(FanOut&& other) noexcept;
  /// Closes it.
  ~FanOut();

  /// Starts no more tasks and asks those that run to stop. Waits for the FanOut's own threads, at
  /// most 2 s for each. Repeated calls are harmless.
  void close();
  FanOutProgress progress() const;
  /// Forgets which tasks are done: removes their states and `nameDone`, so that `name` can be added
  /// again.
  Pending<Result> reset();

 private:
  class State;
  struct Erased {};
  using Ended = std::function<void(std::exception_ptr)>;
  using Runner =
      std::function<void(const std::shared_ptr<Executor>& executor, FanOutTask task, Ended ended)>;

  FanOut(Machine& machine, std::string_view name, FanOutOptions options, Runner run, Erased);

  template <class F>
  static Runner runner(F task) {
    // Shared: a coroutine refers to the function object that it came from.
    return [function = std::make_shared<F>(std::move(task))](
               const std::shared_ptr<Executor>& executor, FanOutTask given, Ended ended) {
      if constexpr (std::is_void_v<std::invoke_result_t<F&, FanOutTask>>) {
        executor->post([function, given = std::move(given), ended = std::move(ended)] {
          std::exception_ptr failure;
          try {
            (*function)(given);
          } catch (...) {
            failure = std::current_exception();
          }
          ended(failure);
        });
      } else {
        const auto spawned = spawn(executor, (*function)(std::move(given)));
        spawned.then(executor,
                     [function, spawned, ended = std::move(ended)] { ended(spawned.exception()); });
      }
    };
  }

  std::shared_ptr<State> state_;
};

/// The same as making a `FanOut`.
template <std::invocable<FanOutTask> F>
FanOut fan_out(Machine& machine, std::string_view name, FanOutOptions options, F task) {
  return FanOut(machine, name, std::move(options), std::move(task));
}

}  // namespace am
