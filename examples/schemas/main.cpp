// Schemas made from schemas, typed sets that extend others, and a schema that grows.
#include <am/machine.hpp>
#include <am/stock.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

// Names and definitions of a set that others extend.
AM_STATES(Door, Closed, Open, Locked)
AM_STATES_SCHEMA(
    Door, am::exclusive("Position", {Closed, Open}).extend({{Locked, {.require = {Closed}}}}))

// The states of a door and of a machine that starts, and one more.
AM_STATES_EXTENDING(Lobby, (am::states::Basic, Door), Lit)

void combine() {
  const am::Schema door{
      {"Closed", {.remove = {"Open"}}},
      {"Open", {.remove = {"Closed"}, .tags = {"alarm:night"}}},
  };
  // Definitions of the second replace those of the first; with `extend` they are put together.
  const am::Schema lockable = door.merge({{"Locked", {.require = {"Closed"}}}});
  const am::Schema house = lockable.prefix("Front").merge(lockable.prefix("Back"));

  am::Machine machine{house};
  machine.add({"FrontClosed", "FrontLocked", "BackOpen"});
  machine.add("BackClosed");
  fmt::print("{:a}\n", machine);
  fmt::print("alarm at night: {}\n", fmt::join(house.states_by_tag("alarm"), ", "));
  for (const auto& [state, relation] : machine.schema().inbound_relations_of("BackClosed")) {
    fmt::print("{} has {} BackClosed\n", machine.schema().names()[state], to_string(relation));
  }
}

void extend() {
  am::Machine lobby{Lobby::schema({{Lobby::Lit, {.require = {Lobby::Ready}}}})};
  lobby.add({Lobby::Start, Lobby::Ready, Lobby::Lit});
  lobby.add(Door::Open);  // ids of the sets that it extends work too
  const auto position = lobby.first_active(lobby.schema().group("Position"));
  fmt::print("position: {}\n", position.name());
  lobby.remove(Lobby::Start);
  fmt::print("lit: {}\n", lobby.is(Lobby::Lit));
  am::verify(lobby, am::states::Basic::set);  // throws, naming a state that the machine lacks
}

void look() {
  const am::CompiledSchema schema{
      am::Schema{{"A", {.add = {"B"}, .remove = {"B"}}}, {"B"}, {"AB"}, {"BEnter"}}};
  for (const auto& note : schema.notes()) fmt::print("{}\n", note.text);
}

void grow() {
  am::Machine machine{Door::schema()};
  machine.add(Door::Closed);
  const auto ready = machine.when({Door::Closed, Door::Locked});
  machine.extend_schema(Door::schema().merge({{"Ringing", {.require = {"Locked"}}}}));
  machine.add({"Ringing", Door::Locked});
  fmt::print("{}, the wait is over: {}\n", machine.is("Ringing"), ready.done());
  try {
    machine.extend_schema({{"Closed"}, {"Locked"}});
  } catch (const am::Error& error) {
    fmt::print("{}\n", error.what());
  }
}

int main() {
  combine();
  extend();
  look();
  grow();
}
