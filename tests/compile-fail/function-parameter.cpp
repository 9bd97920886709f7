// A function bound by state or name takes the event.
// expect: a handler must be callable with am::Event&
#include <am/machine.hpp>

AM_STATES(Door, Closed, Open, Locked)

void bind(am::Machine& door) {
#ifdef MISTAKE
  door.on_state(Door::Open, [] {});
#else
  door.on_state(Door::Open, [](am::Event&) {});
#endif
}
