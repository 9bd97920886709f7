// States and handlers with names that the compiler checks, arguments, and the life of a context.
#include <am/machine.hpp>

#include <fmt/format.h>

#include <stop_token>
#include <string>

AM_STATES(Door, Closed, Open, Locked, Ringing)

// The argument of Locked: any struct will do.
struct Key {
  std::string teeth;
};

// Bound by name: an Enter, Exit, State or End that fits no state does not compile, and neither does
// one that is not listed.
struct DoorHandlers {
  std::string lock = "vVv";

  // Negotiation, before anything changes: may Locked become active?
  bool LockedEnter(am::Event& e) {
    const Key* key = e.args_if<Key>();
    return key != nullptr && key->teeth == lock;
  }
  // A locked door wants to be unlocked with the key first, whatever opens it.
  bool LockedOpen(am::Event&) {
    fmt::print("  it is locked\n");
    return false;
  }
  // Final, after the states have changed.
  void OpenState(am::Event&) { fmt::print("  lights on\n"); }
  void OpenEnd(am::Event&) { fmt::print("  lights off\n"); }
  // A mutation made in a handler runs after the present one.
  void RingingState(am::Event& e) {
    fmt::print("  ding dong\n");
    e.machine().add(Door::Open);
  }

  AM_HANDLERS(Door, LockedEnter, LockedOpen, OpenState, OpenEnd, RingingState)
};

int main() {
  am::Machine door{Door::schema({
      {Door::Closed, {.remove = {Door::Open}}},
      {Door::Open, {.remove = {Door::Closed}}},
      {Door::Locked, {.require = {Door::Closed}}},
      {Door::Ringing, {.multi = true}},  // can ring again while it rings
  })};
  door.bind(DoorHandlers{});
  door.add(Door::Closed);

  fmt::print("lock with a wrong key: {}\n", door.add(Door::Locked, Key{"vvv"}));
  fmt::print("lock: {}\n", door.add(Door::Locked, Key{"vVv"}));
  fmt::print("ring: {}\n", door.add(Door::Ringing));
  fmt::print("{}\n", door);

  fmt::print("unlock: {}\n", door.remove(Door::Locked));
  fmt::print("ring: {}\n", door.add(Door::Ringing));
  fmt::print("{}\n", door);

  // Something that works only while the door is open would look at this token.
  const std::stop_token open = door.while_active(Door::Open);
  fmt::print("close: {}\n", door.add(Door::Closed));
  fmt::print("stopped: {}\n", open.stop_requested());
}
