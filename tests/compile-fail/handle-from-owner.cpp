// A handle that is taken out of a machine leaves a machine that nobody disposes of.
// expect-GNU: use of deleted function
// expect-Clang: deleted
// at-most-errors: 2
#include <am/machine.hpp>

bool open() {
#ifdef MISTAKE
  const am::Api door = am::Machine{{{"Open", {}}}};
#else
  const am::Machine owner{{{"Open", {}}}};
  const am::Api door = owner;
#endif
  return door.is("Open");
}
