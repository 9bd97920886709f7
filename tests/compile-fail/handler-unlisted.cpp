// Handlers that are written but not listed would never be called, however they are written.
// expect: "LockedEnter" is written in the handlers, but AM_HANDLERS does not list it
// expect: "ClosedExit" is written in the handlers, but AM_HANDLERS does not list it
// expect: "OpenEnd" is written in the handlers, but AM_HANDLERS does not list it
// expect: "LockedState" is written in the handlers, but AM_HANDLERS does not list it
// at-most-errors: 4
#include <am/machine.hpp>

AM_STATES(Door, Closed, Open, Locked)

struct Handlers {
  bool LockedEnter(am::Event&) { return true; }
  static bool ClosedExit(am::Event&) { return true; }
  void OpenState(am::Event&) {}
  void OpenEnd() {}
  void LockedState(am::Event&) {}
  void LockedState(int) {}
#ifdef MISTAKE
  AM_HANDLERS(Door, OpenState)
#else
  // No state of the set has these: they are nobody's business.
  void WindowState(am::Event&) {}
  void FrontEnd(am::Event&) {}
  void OpenEnd(am::Event&) {}
  AM_HANDLERS(Door, LockedEnter, ClosedExit, OpenState, OpenEnd, LockedState)
#endif
};

void bind(am::Machine& door) { door.bind(Handlers{}); }
