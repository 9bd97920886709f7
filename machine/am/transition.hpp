// What tracers and handlers see of a transition.
#pragma once

#include <am/args.hpp>
#include <am/result.hpp>
#include <am/schema.hpp>
#include <am/tick.hpp>

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace am {

/// Kind of a mutation. A toggle is an add or a remove by the time it runs.
enum class MutationType : std::uint8_t { add, remove, set };

const char* to_string(MutationType type) noexcept;

/// Kind of a handler. The first five negotiate: they run before ticks change and may refuse.
enum class HandlerKind : std::uint8_t {
  exit,       ///< FooExit: Foo is about to go
  enter,      ///< FooEnter: Foo is about to come
  self,       ///< FooFoo: Foo is active and stays
  pair,       ///< FooBar: Foo is active and Bar will be
  any_enter,  ///< AnyEnter: last of the negotiation
  end,        ///< FooEnd: Foo has gone
  state,      ///< FooState: Foo has come
  any_state,  ///< AnyState: last of all
};

/// True for the handlers whose `false` cancels a transition.
constexpr bool negotiates(HandlerKind kind) noexcept { return kind <= HandlerKind::any_enter; }

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
  std::span<const StateIndex> called{};   ///< in call order, without duplicates
  std::span<const StateIndex> before{};   ///< active before, in machine order
  std::span<const StateIndex> targets{};  ///< active after, in machine order
  std::vector<StateIndex> exits{};        ///< in handler order
  std::vector<StateIndex> enters{};       ///< in handler order
  std::vector<TickChange> changes{};      ///< once ticks changed; by index

  std::string_view name(StateIndex state) const { return schema->names()[state]; }
};

}  // namespace am
