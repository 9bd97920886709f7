// Work that may take long, and the threads that stand by for it.
#include <am/rpc/internal/transport/loop.hpp>

#include <chrono>
#include <exception>

namespace am::rpc::internal {

namespace {

using namespace std::chrono_literals;

/// A stand-by looks when this much has passed since the alarm was set, and then again and again
/// until there is no more work.
constexpr auto first_look = 300us;
constexpr auto next_look = 100us;
/// Work finds the alarm set to go off no earlier than this.
constexpr auto least_left = 100us;
/// Pieces after which answers are sent.
constexpr int pieces_at_a_time = 32;

}  // namespace

/// Does pieces of work; false when the lead was lost meanwhile.
bool Loop::do_work(unsigned thread, const std::shared_ptr<void>& keep_alive) noexcept {
  if (standing_by_.load(std::memory_order_relaxed) == 0) see_to_stand_by(keep_alive);
  // Before the clock is read: a stand-by that finds no work when the alarm goes off waits for the
  // next one, and this thread may be held up until long after that.
  lead_.between();
  // The alarm is set again before it goes off as long as there is work all the time, so that most
  // work costs no system call, and a stand-by is woken only when the work ends or takes long.
  const auto now = std::chrono::steady_clock::now();
  if (now + least_left > alarm_at_) {
    alarm_.set(first_look);
    alarm_at_ = now + first_look;
  }
  for (int i = 0; i < pieces_at_a_time && body_.has_work() && !stopping(); ++i) {
    body_.work();
    if (!lead_.leave(thread)) {
      // What this thread has done since, it told nobody, as it thought that it would turn itself.
      standing_by_.fetch_add(1, std::memory_order_relaxed);
      wake();
      return false;
    }
  }
  lead_.turning();
  return true;
}

/// Waits until the leader does not get on, then leads.
void Loop::stand_by(unsigned thread, const std::shared_ptr<void>& keep_alive) noexcept {
  bool leads = false;
  {
    const std::scoped_lock one(stand_by_mutex_);
    while (!stopping() && !leads) {
      alarm_.wait();
      auto seen = lead_.look();
      while (!stopping() && !leads && Lead::phase(seen) != Lead::Phase::turning) {
        std::this_thread::sleep_for(next_look);
        const auto now = lead_.look();
        leads = now == seen && lead_.take_over(now, thread);
        seen = now;
      }
    }
  }
  if (!leads) return;
  // The former leader told nobody of what it had done, and may have left work.
  signal_.wake();
  alarm_at_ = {};
  if (standing_by_.fetch_sub(1, std::memory_order_relaxed) == 1) see_to_stand_by(keep_alive);
}

/// Starts a stand-by, unless there are enough threads.
void Loop::see_to_stand_by(const std::shared_ptr<void>& keep_alive) noexcept {
  const std::scoped_lock lock(mutex_);
  if (stopping() || threads_.size() >= most_threads) return;
  try {
    start_thread(keep_alive);
    standing_by_.fetch_add(1, std::memory_order_relaxed);
  } catch (const std::exception&) {
    // Without: work that takes long delays others, until there is a thread to be had.
  }
}

}  // namespace am::rpc::internal
