// What tracers and handlers see of a transition.
#pragma once

#include <am/args.hpp>
#include <am/mutation_source.hpp>
#include <am/result.hpp>
#include <am/schema.hpp>
#include <am/step.hpp>
#include <am/tick.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace am {

namespace detail {
class Core;
}

/// Kind of a mutation. A toggle is an add or a remove by the time it runs.
enum class MutationType : std::uint8_t { add, remove, set };

const char* to_string(MutationType type) noexcept;

/// One state's tick before and after a transition.
struct TickChange {
  StateIndex state = 0;
  Tick before{};
  Tick after{};
};

/// Why a transition was canceled: who refused, as data.
struct CancelInfo {
  static constexpr StateIndex none = 0xffff;

  Reason reason = Reason::none;
  /// The state that was kept out, or whose handler refused or threw.
  StateIndex state = none;
  /// The state that kept it out: the remover, or the missing requirement. For a pair handler, its
  /// second state.
  StateIndex by = none;
  /// With Reason::handler and Reason::error: which kind of handler.
  HandlerKind handler = HandlerKind::exit;
};

/// Why it was canceled, in words: "LockedEnter refused", "Locked requires Closed", "Open is removed
/// by Closed"; "" when it was not.
std::string describe(const CancelInfo& cancel, const CompiledSchema& schema);

/// One mutation being run. Valid during the call it was passed to; everything in it is by index.
struct Transition {
  enum class Phase : std::uint8_t { negotiation, final, ended };

  /// Number of this transition on its machine, from 1.
  std::uint64_t id = 0;
  MutationType type = MutationType::add;
  bool automatic = false;  ///< made by the machine for its automatic states
  bool check = false;      ///< a dry run (can_add, can_remove)
  bool accepted = true;
  Phase phase = Phase::negotiation;
  CancelInfo cancel{};
  /// The queue tick at which it runs; 0 for checks and automatic ones.
  QueueTick queue_tick{};
  const CompiledSchema* schema = nullptr;
  const Args* args = nullptr;
  MutationSource source{};
  std::span<const StateIndex> called{};   ///< in call order, without duplicates
  std::span<const StateIndex> before{};   ///< active before, in machine order
  std::span<const StateIndex> targets{};  ///< active after, in machine order
  std::vector<StateIndex> exits{};        ///< in handler order
  std::vector<StateIndex> enters{};       ///< in handler order
  std::vector<TickChange> changes{};      ///< once ticks changed; by index
  /// How it came to this; recorded only while a tracer of the machine `wants_steps`.
  std::vector<Step> steps{};
  /// The machine, for the queries below.
  const detail::Core* core = nullptr;

  std::string_view name(StateIndex state) const { return schema->names()[state]; }
  /// Id of the machine.
  const std::string& machine_id() const noexcept;
  /// Why it was canceled, in words; "" when it was not.
  std::string why() const { return accepted ? std::string() : describe(cancel, *schema); }

  // Queries by id or name. They throw `Error` (unknown_state) for what the machine does not have.

  /// The mutation named the state.
  bool is_called(StateRef state) const;
  /// The state will be active, or is by now.
  bool is_target(StateRef state) const;
  /// The state was active before.
  bool was_active(StateRef state) const;
  /// The state comes; for a multi state, also again.
  bool is_entered(StateRef state) const;
  /// The state goes.
  bool is_exited(StateRef state) const;
  /// Ticks of all states as the transition found them. On the draining thread.
  Time time_before() const;
};

/// `tx#7`, the mutation, its source and its steps, each on a line of its own.
std::string to_string(const Transition& transition);

}  // namespace am
