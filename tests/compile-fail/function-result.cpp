// A function bound by state or name returns bool or nothing, not another kind of truth.
// expect: a handler must return bool or nothing
#include <am/machine.hpp>

AM_STATES(Door, Closed, Open, Locked)

void bind(am::Machine& door) {
#ifdef MISTAKE
  door.on_enter(Door::Open, [](am::Event&) { return 0; });
#else
  door.on_enter(Door::Open, [](am::Event&) { return false; });
#endif
}
