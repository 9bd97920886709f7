// The least transition: one state without relations comes or goes, and nobody is asked.
#include <am/internal/local_core.hpp>

#include <am/internal/publish.hpp>
#include <am/internal/waits.hpp>

#include <algorithm>
#include <span>

namespace am::detail {

/// Does what `run` would do for a mutation that `is_plain`, which is executed whatever else is
/// active: no list is resolved, compared or sorted. A tenth of the work of a transition.
void LocalCore::run_plain(internal::Frame& frame) {
  const auto& mutation = frame.mutation;
  const auto s = mutation.called.front();
  const bool adds = mutation.type == MutationType::add;
  const auto tick = board().tick(s);
  const bool changes = adds != Tick{tick}.active();
  auto& t = frame.transition;
  // What a mutation made by a stop callback is sent with.
  t.id = ++transitions_;
  t.phase = Transition::Phase::negotiation;
  t.changes.clear();
  if (changes) {
    t.changes.push_back({s, Tick{tick}, Tick{tick + 1}});
    ++tick_sum_;
    publish(std::span(&s, 1), [&](ClockBoard::Write& clocks) {
      // Others read the order under this lock.
      if (adds) {
        order_.insert(order_.begin(), s);
      } else {
        order_.erase(std::ranges::find(order_, s));
      }
      clocks.tick(s, tick + 1);
    });
  } else if (adds && order_.front() != s) {
    publish({}, [&](ClockBoard::Write&) {
      const auto place = std::ranges::find(order_, s);
      std::rotate(order_.begin(), place, place + 1);
    });
  }
  t.phase = Transition::Phase::final;
  if (changes && adds && waits().count(internal::Bag::args) != 0) {
    fire_args_waits(s, mutation.args);
  }
  t.phase = Transition::Phase::ended;
  for (auto* const tracer : running_->ends) {
    try {
      tracer->ended(t.changes, QueueTick{mutation.queue_tick});
    } catch (...) {  // its own affair
    }
  }
  if (changes) fire_waits(std::span(&s, 1));
}

}  // namespace am::detail
