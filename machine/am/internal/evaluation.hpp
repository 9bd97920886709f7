// A function that is run between two transitions, and the thread that waits for it.
#pragma once

#include <am/internal/completion.hpp>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <stop_token>

namespace am::internal {

/// Stands in the queue as a mutation's completion. Either the drainer gets to run the function, or
/// the waiting thread gives up, after which it never runs.
class Evaluation final : public Completion {
 public:
  explicit Evaluation(const std::function<void()>& fn) : fn_(&fn) {}

  /// Runs the function unless nobody waits any more. Lets its exception pass. By the drainer.
  void run();
  /// Waits until the function has run (true), or gives up (false) at `deadline`, at the end of
  /// `scope` or when the machine drops it. A function that runs already is waited for.
  bool wait(std::chrono::steady_clock::time_point deadline, const std::stop_token& scope);

 protected:
  void done(Result result) override;

 private:
  enum class Stage : unsigned char { waiting, running, ran, given_up };

  void go_to(Stage stage);

  const std::function<void()>* fn_;  ///< of the thread that waits
  std::mutex mutex_;
  std::condition_variable_any changed_;
  Stage stage_ = Stage::waiting;
};

}  // namespace am::internal
