// Being told when a mutation, and everything that its handlers queued, has run.
#pragma once

#include <am/result.hpp>

#include <atomic>
#include <cstdint>
#include <memory>

namespace am::internal {

/// Follows one mutation and what descends from it. `done` is called once, on whichever thread ran
/// the last of them (or dropped it), while that thread holds the machine's drain claim: it must not
/// block and must not mutate.
class Completion {
 public:
  virtual ~Completion() = default;

  /// The thread that submitted the mutation has the machine and is about to run it. Not called when
  /// another thread is to run it.
  virtual void begins() {}
  /// One more mutation descends from this one. By the draining thread.
  void expect() noexcept { pending_.fetch_add(1, std::memory_order_relaxed); }
  /// The mutation itself ended with `result`.
  void ended_with(Result result) noexcept { result_ = result; }
  /// One of the mutations has ended.
  void one_ended() {
    if (pending_.fetch_sub(1, std::memory_order_acq_rel) == 1) done(result_);
  }

 protected:
  virtual void done(Result result) = 0;

 private:
  std::atomic<std::uint32_t> pending_{1};
  Result result_{};
};

}  // namespace am::internal
