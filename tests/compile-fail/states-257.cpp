// One state too many is one error, not thousands of lines.
// expect: AM_STATES(Big, ...): more than 256 states, "More" is the first beyond
// at-most-errors: 1
#include <am/machine.hpp>

// 256 names: S00 to Sff.
#define ROW(r) \
  r##0, r##1, r##2, r##3, r##4, r##5, r##6, r##7, r##8, r##9, r##a, r##b, r##c, r##d, r##e, r##f
#define ROWS                                                                                \
  ROW(S0), ROW(S1), ROW(S2), ROW(S3), ROW(S4), ROW(S5), ROW(S6), ROW(S7), ROW(S8), ROW(S9), \
      ROW(Sa), ROW(Sb), ROW(Sc), ROW(Sd), ROW(Se), ROW(Sf)

#ifdef MISTAKE
AM_STATES(Big, ROWS, More, EvenMore)
#else
AM_STATES(Big, ROWS)
#endif

void use(am::Machine& machine) { machine.add({Big::S00, Big::Sff}); }
