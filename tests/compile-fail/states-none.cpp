// A set without states has no use.
// expect: AM_STATES(Door, ...): names no state
#include <am/machine.hpp>

#ifdef MISTAKE
AM_STATES(Door)
#else
AM_STATES(Door, Open)
#endif
