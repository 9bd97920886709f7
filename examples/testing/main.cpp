// Tests of a door, without a test framework: what is expected is thrown when it is not so.
#include <am/machine.hpp>
#include <am/rpc/testing.hpp>
#include <am/testing.hpp>

#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <stdexcept>

using namespace std::chrono_literals;

namespace {

struct Key {};

/// What is tested: a door that takes a key, and closes by itself.
am::Machine make_door(std::shared_ptr<am::Timers> timers = nullptr) {
  am::Machine door{{{"Closed", {.remove = {"Open"}}},
                    {"Open", {.remove = {"Closed"}}},
                    {"Locked", {.require = {"Closed"}}}},
                   {.timers = std::move(timers)}};
  door.on("LockedExit", [](am::Event& e) { return e.args_if<Key>() != nullptr; });
  door.on("OpenState", [](am::Event& e) { e.machine().add_after(30s, "Closed"); });
  door.add({"Closed", "Locked"});
  return door;
}

void check(bool holds) {
  if (!holds) throw std::logic_error("that should hold");
}

void the_door_opens_with_a_key_only() {
  auto door = make_door();
  am::testing::Recorder seen(door);
  door.add("Open");
  seen.expect({"add Open canceled: LockedExit refused"});
  door.add("Open", Key{});
  door.add("Locked");
  seen.expect({"add Open", "add Locked canceled: Locked requires Closed"});
}

void the_door_closes_after_half_a_minute() {
  const auto timers = std::make_shared<am::FakeTimers>();
  auto door = make_door(timers);
  door.add("Open", Key{});
  timers->advance(29s);
  check(door.is("Open"));
  timers->advance(1s);
  check(door.is("Closed"));
}

void a_lamp_follows_the_door() {
  auto door = make_door();
  am::Machine lamp{{{"Lit"}}};
  const auto ui = std::make_shared<am::ManualExecutor>();
  door.when("Open").then(ui, [&] { lamp.add("Lit"); });

  door.add("Open", Key{});
  check(!lamp.is("Lit"));  // the user interface has not had its turn
  check(am::testing::run_until_idle({.executors = {ui}}, door, lamp));
  check(lamp.is("Lit"));
}

/// Code that is written against am::Api takes both kinds of machines.
bool lock(am::Api door) { return door.add("Locked") == am::Result::executed; }

void locking_works_from_elsewhere() {
  auto door = make_door();
  am::rpc::testing::RemotePair pair(door);
  check(lock(pair.remote()));

  door.remove("Closed", Key{});
  check(pair.settle());
  check(!pair.remote().is("Closed"));

  check(pair.cut());
  check(!lock(pair.remote()));
}

void a_failed_expectation_shows_both_sides() {
  auto door = make_door();
  am::testing::Recorder seen(door);
  door.add("Open");
  try {
    seen.expect({"add Open"});
  } catch (const am::Error& error) {
    fmt::print("{}", error.what());
  }
}

}  // namespace

int main() {
  the_door_opens_with_a_key_only();
  the_door_closes_after_half_a_minute();
  a_lamp_follows_the_door();
  locking_works_from_elsewhere();
  a_failed_expectation_shows_both_sides();
}
