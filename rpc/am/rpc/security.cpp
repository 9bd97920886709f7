#include <am/rpc/security.hpp>

#include <am/error.hpp>
#include <am/rpc/internal/key_file.hpp>

#include <fmt/format.h>

#include <map>

namespace am::rpc {

std::vector<AllowedClient> read_allowed_clients(const std::string& path) {
  const internal::WipedText file(path, internal::Keep::intact);
  const auto refuse = [&](std::size_t line, const std::string& why) {
    throw Error(Errc::invalid_argument, fmt::format("\"{}\" line {}: {}", path, line, why));
  };
  std::vector<AllowedClient> clients;
  std::map<PublicKey, std::size_t> seen;
  for (const auto& [number, words] : internal::key_lines(file.text)) {
    if (words.front() == "secret") {
      refuse(number, "holds a secret key: list the NAME.pub of each client, never a NAME.key");
    }
    if (words.size() < 2 || words.size() > 3 || (words.size() == 3 && words[2] != "read-only")) {
      refuse(number, "it has to be \"KEY NAME\" or \"KEY NAME read-only\"");
    }
    AllowedClient client;
    try {
      client.key = PublicKey::from_text(words[0]);
    } catch (const Error& error) {
      refuse(number, error.what());
    }
    client.name = words[1];
    client.may_mutate = words.size() == 2;
    const auto [earlier, fresh] = seen.emplace(client.key, number);
    if (!fresh) refuse(number, fmt::format("the key of line {} again", earlier->second));
    clients.push_back(std::move(client));
  }
  return clients;
}

}  // namespace am::rpc
