// At most so many tasks at a time.
#pragma once

#include <am/executor.hpp>
#include <am/helpers/limits.hpp>
#include <am/task.hpp>
#include <am/wait.hpp>

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

namespace am {

struct TaskGroupOptions {
  /// Most tasks that run at a time.
  std::size_t limit = 4;
  /// Most tasks that wait for their turn.
  std::size_t waiting_limit = 10'000;
  /// Where tasks run. Null: at most `limit` threads of the group's own, started as needed.
  std::shared_ptr<Executor> executor{};
  /// Gets what a task throws, on the thread that ran it; nothing may be thrown here. For a machine:
  /// `[m](auto e) mutable { m.add_error(am::error_info(e)); }`.
  std::function<void(std::exception_ptr)> on_error{};
};

/// Runs functions and coroutines, at most `limit` at a time, the others in their turn. For work
/// that handlers start and must not wait for. All methods may be called from any thread.
///
///     am::TaskGroup group{{.limit = 8}};
///     machine.on_state("Job", [&](am::Event& e) { group.run([job = e.args<Job>()] { work(job); });
///     });
class TaskGroup {
 public:
  explicit TaskGroup(TaskGroupOptions options = {});
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;
  /// Closes it.
  ~TaskGroup();

  /// Runs `fn()`, which returns nothing or `am::Task<>`, as soon as there is room. Never blocks.
  /// False, and `fn` is dropped, when too many wait already or the group is closed. Throws
  /// `std::system_error` when the group's first thread cannot be started.
  template <std::invocable F>
  bool run(F fn) {
    return add(job(std::move(fn)), true);
  }
  /// The same, only if there is room now.
  template <std::invocable F>
  bool try_run(F fn) {
    return add(job(std::move(fn)), false);
  }

  std::size_t running() const;
  std::size_t waiting() const;
  /// Blocks until nothing runs or waits: fired, timeout or stopped. Throws `Error` (would_deadlock)
  /// in one of its tasks.
  Ended wait(Limits limits = {}) const;
  /// Drops what waits or has not begun, takes nothing more, and waits for the group's own threads,
  /// at most 2 s for each. Repeated calls are harmless.
  void close();

 private:
  class State;
  using Done = std::function<void(std::exception_ptr)>;
  using Job = std::function<void(const std::shared_ptr<Executor>& executor, Done done)>;

  template <class F>
  static Job job(F fn) {
    // Shared: a coroutine refers to the function object that it came from.
    return [function = std::make_shared<F>(std::move(fn))](
               const std::shared_ptr<Executor>& executor, Done done) {
      if constexpr (std::is_void_v<std::invoke_result_t<F&>>) {
        executor->post([function, done = std::move(done)] {
          std::exception_ptr failure;
          try {
            (*function)();
          } catch (...) {
            failure = std::current_exception();
          }
          done(failure);
        });
      } else {
        const auto spawned = spawn(executor, (*function)());
        spawned.then(executor,
                     [function, spawned, done = std::move(done)] { done(spawned.exception()); });
      }
    };
  }
  bool add(Job job, bool may_wait);

  std::shared_ptr<State> state_;
};

}  // namespace am
