// Only sets of states can be extended.
// expect: AM_STATES_EXTENDING(Worker, (Base, Other), ...): extends what AM_STATES did not declare
// at-most-errors: 1
#include <am/machine.hpp>

AM_STATES(Base, Start)

#ifdef MISTAKE
struct Other {};
#else
AM_STATES(Other, Ready)
#endif

AM_STATES_EXTENDING(Worker, (Base, Other), Working)

am::StateId id() { return Worker::Working; }
