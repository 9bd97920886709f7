// What a server lets its clients do.
#pragma once

#include <am/rpc/internal/messages.hpp>
#include <am/rpc/security.hpp>
#include <am/schema.hpp>

#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace am::rpc::internal {

/// The clients whose keys are listed. Any thread.
class AllowedClients {
 public:
  /// Throws `Error` (invalid_argument) for no key, or one that comes twice.
  explicit AllowedClients(std::vector<AllowedClient> clients) { replace(std::move(clients)); }

  void replace(std::vector<AllowedClient> clients);
  std::optional<AllowedClient> find(const PublicKey& key) const;
  std::vector<PublicKey> keys() const;

 private:
  mutable std::mutex mutex_;
  std::map<PublicKey, AllowedClient> clients_;
};

/// The states of one exposed machine that remote mutations may call. Immutable.
class CallableStates {
 public:
  /// Throws `Error` (unknown_state) for names that the machine does not have.
  CallableStates(const ExposeOptions& options, const CompiledSchema& schema);

  /// Why a mutation is denied, for its caller to read; "" when it is not. O(called) at most.
  std::string denies(Op op, std::span<const StateIndex> called,
                     std::span<const std::string_view> names) const;

 private:
  bool all_ = true;             ///< nothing is restricted: the rest is not looked at
  std::vector<bool> callable_;  ///< by index; what the machine grows later is not in here
};

}  // namespace am::rpc::internal
