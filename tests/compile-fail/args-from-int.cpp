// An argument is a struct with a meaning, not a bare number.
// expect-GNU: cannot convert 'int' to 'am::Args'
// expect-Clang: no viable conversion from 'int' to 'am::Args'
#include <am/machine.hpp>

AM_STATES(Door, Closed, Open, Locked)

struct Times {
  int count;
};

void ring(am::Machine& door) {
#ifdef MISTAKE
  door.add(Door::Open, 3);
#else
  door.add(Door::Open, Times{3});
#endif
}
