// A struct that does not list its handlers cannot be bound.
// expect: bind: the type does not say what to bind; write AM_HANDLERS(Set, ...) in it
#include <am/machine.hpp>

AM_STATES(Door, Closed, Open, Locked)

struct Handlers {
  void OpenState(am::Event&) {}
#ifdef MISTAKE
#else
  AM_HANDLERS(Door, OpenState)
#endif
};

void bind(am::Machine& door) { door.bind(Handlers{}); }
