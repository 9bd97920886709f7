// A handler that is listed twice would run twice.
// expect: AM_HANDLERS lists "OpenState" more than once
#include <am/machine.hpp>

AM_STATES(Door, Closed, Open, Locked)

struct Handlers {
  void OpenState(am::Event&) {}
  void OpenEnd(am::Event&) {}
#ifdef MISTAKE
  AM_HANDLERS(Door, OpenState, OpenEnd, OpenState)
#else
  AM_HANDLERS(Door, OpenState, OpenEnd)
#endif
};

void bind(am::Machine& door) { door.bind(Handlers{}); }
