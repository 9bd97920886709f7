// A handler of an extended set's state that is written but not listed is found.
// expect: "StartState" is written in the handlers, but AM_HANDLERS does not list it
#include <am/machine.hpp>

AM_STATES(Base, Start)
AM_STATES_EXTENDING(Worker, (Base), Working)

struct Handlers {
  void StartState(am::Event&) {}
  void WorkingState(am::Event&) {}
#ifdef MISTAKE
  AM_HANDLERS(Worker, WorkingState)
#else
  AM_HANDLERS(Worker, WorkingState, StartState)
#endif
};

void use(am::Machine& machine) { machine.bind(Handlers{}); }
