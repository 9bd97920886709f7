// A listed name needs a method.
// expect: AM_HANDLERS lists "OpenEnd", but there is no method "OpenEnd(am::Event&)"
// at-most-errors: 1
#include <am/machine.hpp>

AM_STATES(Door, Closed, Open, Locked)

struct Handlers {
  void OpenState(am::Event&) {}
#ifdef MISTAKE
#else
  void OpenEnd(am::Event&) {}
#endif
  AM_HANDLERS(Door, OpenState, OpenEnd)
};

void bind(am::Machine& door) { door.bind(Handlers{}); }
