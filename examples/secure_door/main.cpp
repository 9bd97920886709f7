// A door that only listed keys can reach. `secure_door` alone plays both hosts, over loopback, with
// keys in a temporary folder; `secure_door serve` and `secure_door call HOST` are the two halves,
// with the files that docs/security.md makes.
#include <am/error.hpp>
#include <am/machine.hpp>
#include <am/rpc/client.hpp>
#include <am/rpc/server.hpp>

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

AM_STATES(Door, Open, Bell, Locked)

namespace {

am::rpc::Server serve(const am::Machine& door, const std::string& endpoint) {
  return am::rpc::Server(
      door,
      {.endpoint = endpoint,
       .security = am::rpc::ServerSecurity{.key = am::rpc::SecretKey::from_file("door.key"),
                                           .clients = am::rpc::read_allowed_clients("clients")}},
      {.mutable_states = {{Door::Open, Door::Bell}}});  // the lock is not theirs
}

am::rpc::Client connect(const std::string& endpoint) {
  return am::rpc::Client(
      {.endpoint = endpoint,
       .security = am::rpc::ClientSecurity{.key = am::rpc::SecretKey::from_file("hall.key"),
                                           .server = am::rpc::PublicKey::from_file("door.pub")}});
}

bool call(const std::string& endpoint) {
  am::rpc::Client client = connect(endpoint);
  auto door = client.attach();
  if (!door) {
    fmt::print("no door: {}\n", door.error().message);
    return false;
  }
  fmt::print("open: {}\n", door->add(Door::Open));
  fmt::print("lock: {}\n", door->add(Door::Locked));
  if (const auto error = door->last_error()) fmt::print("  {}\n", error->message);
  return true;
}

/// Does what `am-keys make` and `cat hall.pub >> clients` do.
void make_files() {
  am::rpc::write_key_files("door", am::rpc::SecretKey::make());
  am::rpc::write_key_files("hall", am::rpc::SecretKey::make());
  std::ofstream("clients") << std::ifstream("hall.pub").rdbuf();
  std::filesystem::permissions("clients", std::filesystem::perms{0644});
}

bool play_both() {
  std::string folder = (std::filesystem::temp_directory_path() / "secure-door-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) return false;
  std::filesystem::current_path(folder);
  make_files();
  const am::Machine door{Door::schema()};
  am::rpc::Server server = serve(door, "tcp://127.0.0.1:0");
  const bool called = call(server.endpoint());

  server.allow_clients({});  // hall.key was stolen
  am::rpc::Client thief = connect(server.endpoint());
  const auto refused = thief.attach();
  fmt::print("afterwards: {}\n", refused ? "attached" : to_string(refused.error().code));
  std::filesystem::current_path("/");
  std::filesystem::remove_all(folder);
  return called && !refused;
}

}  // namespace

int main(int argc, char** argv) try {
  const std::string command = argc > 1 ? argv[1] : "";
  if (command == "serve") {
    const am::Machine door{Door::schema()};
    const am::rpc::Server server = serve(door, "tcp://*:4711");
    fmt::print("listening on {}; enter ends it\n", server.endpoint());
    std::getchar();
    return 0;
  }
  if (command == "call" && argc > 2) return call(fmt::format("tcp://{}:4711", argv[2])) ? 0 : 1;
  return play_both() ? 0 : 1;
} catch (const am::Error& error) {
  fmt::print(stderr, "{}\n", error.what());
  return 1;
}
