// A listed name that matches no state would never be called. The nearest name is spelt out.
// expect: AM_HANDLERS lists "LockdEnter", which matches no state of Door: use FooEnter, FooExit,
// expect: did_you_mean<'L', 'o', 'c', 'k', 'e', 'd', 'E', 'n', 't', 'e', 'r'>
// expect: AM_HANDLERS lists "OpenStat", which matches no state of Door
// expect: did_you_mean<'O', 'p', 'e', 'n', 'S', 't', 'a', 't', 'e'>
// expect: did_you_mean<'C', 'l', 'o', 's', 'e', 'd', 'O', 'p', 'e', 'n'>
// expect: did_you_mean<'A', 'n', 'y', 'E', 'n', 't', 'e', 'r'>
// expect: AM_HANDLERS lists "Unlike", which matches no state of Door
// expect: nothing_near
// at-most-errors: 5
#include <am/machine.hpp>

AM_STATES(Door, Closed, Open, Locked)

struct Handlers {
#ifdef MISTAKE
  bool LockdEnter(am::Event&) { return true; }
  void OpenStat(am::Event&) {}
  bool CloseOpen(am::Event&) { return true; }
  bool AnyEntr(am::Event&) { return true; }
  void Unlike(am::Event&) {}
  AM_HANDLERS(Door, LockdEnter, OpenStat, CloseOpen, AnyEntr, Unlike)
#else
  bool LockedEnter(am::Event&) { return true; }
  void OpenState(am::Event&) {}
  bool ClosedOpen(am::Event&) { return true; }
  bool AnyEnter(am::Event&) { return true; }
  void Unlike(am::Event&) {}
  AM_HANDLERS(Door, LockedEnter, OpenState, ClosedOpen, AnyEnter)
#endif
};
