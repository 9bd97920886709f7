// What a remote machine wants to know of its source.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace am::rpc {

/// Which states a remote machine follows, and how closely. What it does not follow costs nothing on
/// the wire: such states stay inactive at tick 0 here, whatever they are at the source.
struct SyncOptions {
  /// Names of the states to follow. Absent: all of them; empty: none.
  std::optional<std::vector<std::string>> states{};
  /// Names of states not to follow, also when `states` has them.
  std::vector<std::string> skip{};
  /// Ticks count changes of activity only, as far as they are noticed: fewer bytes for states that
  /// are busy, and ticks that cannot be compared with the source's.
  bool shallow = false;
  /// Whether the schema comes along. Without it the remote machine has only the states that it
  /// follows, and no relations.
  bool schema = true;
  /// Each transition of the source is an update of its own, told to tracers here with its type and
  /// the states that it called; pushed at once. Not with `shallow`. What a client does not read
  /// fast enough comes merged (`LinkTraffic::merged`), as does what changed while its link was
  /// down.
  bool log = false;

  friend bool operator==(const SyncOptions&, const SyncOptions&) = default;
};

}  // namespace am::rpc
