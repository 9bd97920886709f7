// A state is named once in its set.
// expect-GNU: redeclaration of 'Closed'
// expect-Clang: redefinition of enumerator 'Closed'
// at-most-errors: 3
#include <am/machine.hpp>

#ifdef MISTAKE
AM_STATES(Door, Closed, Open, Closed)
#else
AM_STATES(Door, Closed, Open, Locked)
#endif
