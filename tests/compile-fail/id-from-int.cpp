// A number is not a state: positions mean something only together with a set.
// expect-GNU: could not convert '1' from 'int' to 'am::StateId'
// expect-Clang: no viable conversion from returned value of type 'int' to function return type 'am::StateId'
// at-most-errors: 1
#include <am/machine.hpp>

AM_STATES(Door, Closed, Open, Locked)

#ifdef MISTAKE
am::StateId second() { return 1; }
#else
am::StateId second() { return Door::Open; }
#endif
