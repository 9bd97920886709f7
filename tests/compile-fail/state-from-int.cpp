// A bare number is no state: positions mean something only together with a machine or a set.
// expect-GNU: use of deleted function
// expect-Clang: deleted
#include <am/machine.hpp>

AM_STATES(Door, Closed, Open, Locked)

void open(am::Machine& door) {
#ifdef MISTAKE
  door.add(0);
#else
  door.add(Door::Open);
#endif
}
