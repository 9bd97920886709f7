// Where completions run: continuations of waits, resumed coroutines.
#pragma once

#include <functional>
#include <memory>

namespace am {

/// Runs functions for the library. Derive from it to bring in a loop of your own (Asio, Qt): `post`
/// is all there is. Executors are shared, as what waits for a machine may outlive everyone else.
class Executor {
 public:
  virtual ~Executor() = default;

  /// Takes `fn`, to be run once, later. Called from any thread, also while a machine runs a
  /// transition: it must neither block nor run `fn` itself. An executor that has been stopped
  /// destroys `fn` instead. The library posts once for each wait or coroutine that goes on, so the
  /// number of functions that an executor holds follows what the program waits for. They do not
  /// throw; what your own code posts must not either.
  virtual void post(std::function<void()> fn) = 0;
};

/// Runs each function on the thread that posts it: at once, or, while that thread runs transitions
/// of a local machine, as soon as it has let go of the outermost one. A thread that is kept busy by
/// others' mutations, and functions that nest deeply, pass on to `completion_executor`. Completions
/// of remote machines never run on the thread that found them: there it stands for
/// `completion_executor`. Any thread.
const std::shared_ptr<Executor>& inline_executor();

/// The process's one thread for completions, started at first use, where those of remote machines
/// run unless they are given an executor of their own. What blocks on it holds up all others. It
/// runs until the process ends, is not there in a forked child, and holds what was posted, without
/// a limit. Any thread.
const std::shared_ptr<Executor>& completion_executor();

}  // namespace am
