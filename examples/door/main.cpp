// A machine on one screen: states by name, relations, and what a mutation comes to.
#include <am/machine.hpp>

#include <fmt/format.h>

int main() {
  am::Machine door{{
      {"Closed", {.remove = {"Open"}}},
      {"Open", {.remove = {"Closed"}}},
      {"Locked", {.require = {"Closed"}}},
  }};

  fmt::print("close: {}\n", door.add("Closed"));
  fmt::print("lock:  {}\n", door.add("Locked"));
  fmt::print("{:a}\n\n", door);  // two states are active at once

  // Open removes Closed, and Locked goes with Closed because it requires it.
  fmt::print("open:  {}\n", door.add("Open"));
  fmt::print("{:a}\n\n", door);

  // An open door cannot be locked: nothing happens, and the result says why.
  fmt::print("lock:  {}\n", door.add("Locked"));
  fmt::print("close and lock: {}\n", door.add({"Closed", "Locked"}));
  fmt::print("locked: {}, open or locked: {}\n\n", door.is("Locked"), door.any({"Open", "Locked"}));

  // Each state's clock counts its comings and goings: nobody who looks later has missed one.
  const am::Wait opened_again = door.when_ticks("Open", 2);
  door.add("Open");
  door.add("Closed");
  fmt::print("opened and closed again: {}, by now it is {}\n", opened_again.done(), door);
}
