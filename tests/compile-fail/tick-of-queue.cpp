// The tick of a state does not tell when a mutation runs: counters do not mix.
// expect-GNU: cannot convert 'am::Tick' to 'am::QueueTick'
// expect-Clang: no viable conversion from 'am::Tick' to 'am::QueueTick'
// at-most-errors: 1
#include <am/machine.hpp>

AM_STATES(Door, Closed, Open, Locked)

void wait(const am::Machine& door) {
#ifdef MISTAKE
  (void)door.when_queue(door.tick(Door::Open));
#else
  (void)door.when_queue(door.queue_tick());
#endif
}
