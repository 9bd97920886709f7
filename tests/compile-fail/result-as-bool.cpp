// A result has five kinds, so it is not true or false.
// expect-GNU: from 'am::Result' to 'bool'
// expect-Clang: is not contextually convertible to 'bool'
// at-most-errors: 1
#include <am/machine.hpp>

AM_STATES(Door, Closed, Open, Locked)

bool open(am::Machine& door) {
#ifdef MISTAKE
  if (door.add(Door::Open)) return true;
#else
  if (door.add(Door::Open) == am::Result::executed) return true;
#endif
  return false;
}
