// Who may come in, and what they may do: keys and access of servers and clients.
#pragma once

#include <am/rpc/keys.hpp>
#include <am/schema.hpp>

#include <optional>
#include <string>
#include <vector>

namespace am::rpc {

/// A client that a server with keys lets in.
struct AllowedClient {
  PublicKey key{};
  /// For logs; it need not be the id that the client gives itself.
  std::string name{};
  /// False: it reads clocks and waits, and each of its mutations is denied.
  bool may_mutate = true;
};

/// Reads a file with a client in each line: "KEY NAME" or "KEY NAME read-only", as `am-keys` writes
/// them into NAME.pub. Blank lines are skipped, and those that start with a #. Throws `Error`
/// (invalid_argument) that names file, line and remedy: also when others than the file's owner may
/// write it, for a key that comes twice, and for one that cannot be read.
std::vector<AllowedClient> read_allowed_clients(const std::string& path);

/// Keys of a server: everything is encrypted, and only the holders of listed keys get past the
/// handshake, whatever they call themselves. tcp and ipc only.
struct ServerSecurity {
  SecretKey key{};
  /// Empty: nobody.
  std::vector<AllowedClient> clients{};
};

/// Keys of a client: everything is encrypted, and only the holder of `server` is talked to.
struct ClientSecurity {
  SecretKey key{};
  PublicKey server{};
};

/// What clients may do with an exposed machine.
struct ExposeOptions {
  /// The states that their mutations may call; nothing: all, empty: none, for a read-only machine.
  /// States that the machine grows later are not among them. A call with any other state is
  /// `not_sent`, `Reason::denied`, and so are its dry runs; `set` is too, unless all states are
  /// listed, as it deactivates those that it does not name. What else relations and handlers of the
  /// source do then is not restricted.
  std::optional<std::vector<StateName>> mutable_states{};
};

}  // namespace am::rpc
