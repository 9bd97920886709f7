// `SyncOptions` as bytes, and what they come to for a machine.
#pragma once

#include <am/rpc/internal/bytes.hpp>
#include <am/rpc/internal/clock_filter.hpp>
#include <am/rpc/internal/limits.hpp>
#include <am/rpc/sync.hpp>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace am::rpc::internal {

/// Appends the choice. Lists that are absent are told from empty ones.
void write_choice(Writer& writer, const SyncOptions& choice);
/// Reads a choice into `out`. Returns `reader.ok()`.
bool read_choice(Reader& reader, const Limits& limits, SyncOptions& out);

/// True for the choice of everything, which needs no words.
bool is_default(const SyncOptions& choice) noexcept;

/// A filter, or what is wrong with the choice.
struct ResolvedChoice {
  std::optional<ClockFilter> filter{};
  std::string error{};
};

/// Looks the names up among `names`, those of the source's states in index order. A name that is
/// not among them is an error, which says so.
ResolvedChoice resolve(const SyncOptions& choice, std::span<const std::string_view> names);

/// A tracked state as a remote machine without a schema learns of it.
struct NamedState {
  StateIndex index = 0;  ///< at the source
  std::string name{};
  friend bool operator==(const NamedState&, const NamedState&) = default;
};

/// Appends the names of the states that `filter` tracks, with their indexes at the source.
void write_names(Writer& writer, const ClockFilter& filter,
                 std::span<const std::string_view> names);
/// Reads such names: indexes strictly increasing and below
/// that. What a name may be is checked by `CompiledSchema`. `states` is the number
/// of states of the source. Returns `reader.ok()`.
bool read_names(Reader& reader, const Limits& limits, std::size_t& states,
                std::vector<NamedState>& out);

}  // namespace am::rpc::internal
