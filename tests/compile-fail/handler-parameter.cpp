// A handler takes the event by reference.
// expect: AM_HANDLERS lists "OpenState", but there is no method "OpenState(am::Event&)"
// at-most-errors: 1
#include <am/machine.hpp>

AM_STATES(Door, Closed, Open, Locked)

struct Handlers {
#ifdef MISTAKE
  void OpenState() {}
#else
  void OpenState(am::Event&) {}
#endif
  AM_HANDLERS(Door, OpenState)
};

void bind(am::Machine& door) { door.bind(Handlers{}); }
