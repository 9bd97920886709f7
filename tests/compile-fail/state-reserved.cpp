// Names that already mean something in a set, or among handlers, cannot be states.
// expect: AM_STATES(Door, ...): "Any" cannot be a state
// expect: AM_STATES(Door, ...): "size" cannot be a state
// at-most-errors: 3
#include <am/machine.hpp>

#ifdef MISTAKE
AM_STATES(Door, Any, Open, size)
#else
AM_STATES(Door, All, Open, Size)
#endif
