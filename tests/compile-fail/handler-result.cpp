// A handler returns bool or nothing: an int would not say whether it refuses.
// expect: the handler "OpenEnter" must return bool or nothing
// at-most-errors: 1
#include <am/machine.hpp>

AM_STATES(Door, Closed, Open, Locked)

struct Handlers {
#ifdef MISTAKE
  int OpenEnter(am::Event&) { return 0; }
#else
  bool OpenEnter(am::Event&) { return false; }
#endif
  AM_HANDLERS(Door, OpenEnter)
};

void bind(am::Machine& door) { door.bind(Handlers{}); }
