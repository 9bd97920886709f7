// A thread that waits for an answer and turns the loop itself meanwhile.
#include <am/rpc/internal/transport/loop.hpp>

#include <algorithm>
#include <utility>

namespace am::rpc::internal {

void Loop::await(Arrival& arrival, TransportTime deadline) noexcept {
  const bool alone = waiting_.fetch_add(1, std::memory_order_acq_rel) == 0;
  if (alone && !led_.exchange(true, std::memory_order_seq_cst)) {
    lead(arrival, deadline);
  } else {
    wake();
  }
  arrival.wait_until(deadline);
  waiting_.fetch_sub(1, std::memory_order_acq_rel);
}

void Loop::lead(Arrival& arrival, TransportTime deadline) noexcept {
  caller_signal_.take();
  bool woken = true;
  for (bool first = true;; first = false) {
    bool may_sleep = false;
    int socket = -1;
    TransportTime until{};
    {
      const std::scoped_lock lock(turn_mutex_);
      if (first) watch_.look_at_first(false);
      have_turn([&] { body_.turn(woken); });
      // The wake of a stop that was taken here is for the loop's own thread too.
      if (arrival.arrived() || closed_ || stopping()) return give_back(stopping());
      may_sleep = may_sleep_;
      until = std::min(deadline, next_deadline_);
      if (!closed_) socket = body_.descriptors()[0];
    }
    if (may_sleep && caller_signal_.begin_sleep() &&
        poll_until(caller_signal_.descriptor(), socket, until)) {
      caller_signal_.clear();
    }
    woken = caller_signal_.take();
    if (deadline != no_deadline && std::chrono::steady_clock::now() >= deadline) {
      const std::scoped_lock lock(turn_mutex_);
      return give_back(woken);
    }
  }
}

/// Leaves the socket to the loop's own thread, and what there is to do; `woken` says that a wake
/// was taken for which the loop's own thread has yet to do something. Under `turn_mutex_`.
void Loop::give_back(bool woken) noexcept {
  watch_.look_at_first(true);
  led_.store(false, std::memory_order_seq_cst);
  if (caller_signal_.take() || woken || !may_sleep_ || next_deadline_ < sleeps_until_)
    signal_.wake();
}

}  // namespace am::rpc::internal
