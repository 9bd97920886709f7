// A private handler that is not listed is found too.
// expect: "OpenEnd" is written in the handlers, but AM_HANDLERS does not list it
// at-most-errors: 1
#include <am/machine.hpp>

AM_STATES(Door, Closed, Open, Locked)

class Handlers {
 public:
#ifdef MISTAKE
  AM_HANDLERS(Door, OpenState)
#else
  AM_HANDLERS(Door, OpenState, OpenEnd)
#endif

 private:
  void OpenState(am::Event&) {}
  void OpenEnd(am::Event&) {}
};

void bind(am::Machine& door) { door.bind(Handlers{}); }
