// A name that two handlers could have must not be listed.
// expect: AM_HANDLERS lists "BackEndEnd", which can be read in two ways in Site
// at-most-errors: 1
#include <am/machine.hpp>

// "BackEndEnd" is the end of BackEnd, or the pair of Back and EndEnd.
#ifdef MISTAKE
AM_STATES(Site, Back, BackEnd, EndEnd)
#else
AM_STATES(Site, Back, BackEnd, Finish)
#endif

struct Handlers {
  void BackEndEnd(am::Event&) {}
  AM_HANDLERS(Site, BackEndEnd)
};
