// A machine of another process, used like one's own. Here both ends are in one process, but they
// share nothing except an endpoint; with "tcp://..." they could be on two hosts.
#include <am/machine.hpp>
#include <am/rpc/client.hpp>
#include <am/rpc/server.hpp>

#include <fmt/format.h>

AM_STATES(Door, Closed, Open, Locked)

int main() {
  am::Machine door{Door::schema({
      {Door::Closed, {.remove = {Door::Open}}},
      {Door::Open, {.remove = {Door::Closed}}},
      {Door::Locked, {.require = {Door::Closed}}},
  })};
  const am::rpc::Server server(door, {.endpoint = "inproc://door"});

  am::rpc::Client client({.endpoint = server.endpoint()});
  auto attached = client.attach();  // the schema comes over the wire
  if (!attached) {
    fmt::print("{}\n", attached.error().message);
    return 1;
  }
  client.machine().when("Ready").wait();
  am::rpc::RemoteMachine& remote = *attached;

  // A mutation crosses the wire, and its effect is here when it returns.
  fmt::print("close and lock: {}\n", remote.add({Door::Closed, Door::Locked}));
  fmt::print("here: {}, there: {}\n", remote, door);

  // Reading and waiting do not: the server pushes clocks, and the answer is here.
  const am::Wait opened = remote.when(Door::Open);
  door.add(Door::Open);  // by someone else, over there
  fmt::print("opened: {}\n", opened.wait());
  fmt::print("here: {:a}\n", remote);
  for (int i = 0; i < 1000; ++i) {
    if (!remote.is(Door::Open)) return 1;
  }
  fmt::print("sent: {} mutation\n", remote.traffic().mutations);
}
