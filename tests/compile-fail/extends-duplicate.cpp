// An own state is named once in a set that extends another.
// expect-GNU: redeclaration of 'Working'
// expect-Clang: redefinition of enumerator 'Working'
// at-most-errors: 3
#include <am/machine.hpp>

AM_STATES(Base, Start)

#ifdef MISTAKE
AM_STATES_EXTENDING(Worker, (Base), Working, Working)
#else
AM_STATES_EXTENDING(Worker, (Base), Working, Start)
#endif
