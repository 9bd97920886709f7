// A misspelt typed state is found by the compiler.
// expect-GNU: 'Opn' is not a member of 'Door'
// expect-Clang: no member named 'Opn' in 'Door'
// at-most-errors: 1
#include <am/machine.hpp>

AM_STATES(Door, Closed, Open, Locked)

void open(am::Machine& door) {
#ifdef MISTAKE
  door.add(Door::Opn);
#else
  door.add(Door::Open);
#endif
}
