// am-keys: makes and shows the keys of servers and clients.
#include <am/rpc/keys.hpp>
#include <am/rpc/security.hpp>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <cstdio>
#include <exception>
#include <string>

namespace {

constexpr const char* description = R"(am-keys - keys for servers and clients of asyncmachine

Each program that talks to others has a pair of keys. The secret half stays where it was made; the
public half is for the others: clients name that of their server, and servers list those of their
clients.)";

constexpr const char* footer = R"(FILES
  NAME.key  both halves, readable by its owner only (mode 0600). SecretKey::from_file reads it.
  NAME.pub  the line "KEY NAME" with the public half. PublicKey::from_file reads it; several such
            lines together are the file that read_allowed_clients reads. There, a line may end in
            "read-only", and a line that starts with a # is a comment.

EXAMPLE
  door$ am-keys make door             # on the server's host
  hall$ am-keys make hall             # on the client's host
  door$ cat hall.pub >> clients       # after copying it: this client may come in
  hall$ am-keys show door.pub         # after copying it: compare it with the server's own

EXIT STATUS
  0  done
  1  a file could not be read or written, or is not what it should be; standard error says why
  2  the command line is wrong

SEE ALSO
  docs/security.md
)";

constexpr int exit_failed = 1;
constexpr int exit_usage = 2;

/// What follows the last slash, without ".key".
std::string name_of(const std::string& path) {
  auto name = path.substr(path.rfind('/') + 1);
  if (name.ends_with(".key")) name.resize(name.size() - 4);
  return name;
}

void make(const std::string& path) {
  const auto key = am::rpc::SecretKey::make();
  am::rpc::write_key_files(path, key);
  fmt::print("{} {}\n", key.public_key().text(), name_of(path));
  fmt::print(
      stderr,
      "{0}.key is the secret half: keep it here. {0}.pub is the public one, for the others.\n",
      path);
}

void show(const std::string& path) {
  if (path.ends_with(".key")) {
    fmt::print("{} {}\n", am::rpc::SecretKey::from_file(path).public_key().text(), name_of(path));
    return;
  }
  for (const auto& client : am::rpc::read_allowed_clients(path)) {
    fmt::print("{} {}{}\n", client.key.text(), client.name, client.may_mutate ? "" : " read-only");
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(description, "am-keys");
  app.footer(footer);
  app.require_subcommand(1);

  std::string name;
  auto* const make_command = app.add_subcommand(
      "make",
      "Writes new keys to NAME.key and NAME.pub, and prints the public half with its name. "
      "Files that exist are left alone, and it fails.");
  make_command->add_option("NAME", name, "the name of the program, or a path that ends in it")
      ->required();

  std::string file;
  auto* const show_command = app.add_subcommand(
      "show",
      "Prints the public keys in FILE, each with its name: of a NAME.key, a NAME.pub or a "
      "list of clients. Never prints a secret.");
  show_command->add_option("FILE", file, "the file")->required();

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : exit_usage;
  }
  try {
    if (make_command->parsed()) make(name);
    if (show_command->parsed()) show(file);
    if (std::fflush(stdout) != 0) throw std::runtime_error("cannot write to standard output");
  } catch (const std::exception& error) {
    fmt::print(stderr, "am-keys: {}\n", error.what());
    return exit_failed;
  }
  return 0;
}
