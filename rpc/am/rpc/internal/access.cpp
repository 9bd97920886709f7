#include <am/rpc/internal/access.hpp>

#include <am/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace am::rpc::internal {

// -- clients ----------------------------------------------------------------------------------

void AllowedClients::replace(std::vector<AllowedClient> clients) {
  std::map<PublicKey, AllowedClient> fresh;
  for (auto& client : clients) {
    if (!client.key) {
      throw Error(
          Errc::invalid_argument,
          fmt::format("the allowed client \"{}\" has no key: give it the one in its NAME.pub",
                      client.name));
    }
    const auto key = client.key;
    const auto name = client.name;
    if (!fresh.emplace(key, std::move(client)).second) {
      throw Error(Errc::invalid_argument,
                  fmt::format("the key of the allowed client \"{}\" is listed twice", name));
    }
  }
  const std::scoped_lock lock(mutex_);
  clients_.swap(fresh);
}

std::optional<AllowedClient> AllowedClients::find(const PublicKey& key) const {
  const std::scoped_lock lock(mutex_);
  const auto found = clients_.find(key);
  return found == clients_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<PublicKey> AllowedClients::keys() const {
  const std::scoped_lock lock(mutex_);
  std::vector<PublicKey> keys;
  keys.reserve(clients_.size());
  for (const auto& [key, client] : clients_) keys.push_back(key);
  return keys;
}

// -- states -----------------------------------------------------------------------------------

CallableStates::CallableStates(const ExposeOptions& options, const CompiledSchema& schema)
    : all_(!options.mutable_states) {
  if (all_) return;
  callable_.resize(schema.size());
  for (const auto& name : *options.mutable_states) {
    callable_[static_cast<std::size_t>(schema.id(name.text).index())] = true;
  }
}

std::string CallableStates::denies(Op op, std::span<const StateIndex> called,
                                   std::span<const std::string_view> names) const {
  if (all_) return {};
  const auto callable = [&](std::size_t index) {
    return index < callable_.size() && callable_[index];
  };
  for (const auto state : called) {
    const auto index = static_cast<std::size_t>(state);
    if (callable(index)) continue;
    return fmt::format("remote clients may not mutate the state \"{}\" of this machine",
                       index < names.size() ? names[index] : "?");
  }
  if (op != Op::set) return {};
  for (std::size_t index = 0; index < names.size(); ++index) {
    if (callable(index)) continue;
    return fmt::format(
        "remote clients may not use set on this machine, as it deactivates what it does not name, "
        "and \"{}\" is not theirs",
        names[index]);
  }
  return {};
}

}  // namespace am::rpc::internal
