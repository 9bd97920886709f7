// How a transition came about, step by step.
#pragma once

#include <am/schema.hpp>
#include <am/tick.hpp>

#include <cstdint>
#include <string>

namespace am {

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

/// One thing that mattered in a transition: a state that was called, a relation that was followed,
/// a handler that was called.
struct Step {
  enum class Type : std::uint8_t {
    relation,            ///< `from` refers to `to` by `relation`, and that was looked at
    handler,             ///< a bound handler was called
    activate,            ///< `to` wants to become active
    deactivate,          ///< `to`, which is active, has to go
    deactivate_passive,  ///< `to`, which is not active, is kept out; of a missing requirement:
                         ///< `from`
    called,              ///< the mutation names `to`
    cancel,              ///< `to` was called and is kept out, or is missing for one that was called
  };
  static constexpr StateIndex none = 0xffff;

  Type type = Type::called;
  Relation relation = Relation::after;      ///< of Type::relation
  HandlerKind handler = HandlerKind::exit;  ///< of Type::handler
  /// Where it starts: the state with the relation, or that a handler leaves. `none` for others.
  StateIndex from = none;
  /// The state it is about, or that a handler enters. `none` for FooExit, AnyEnter and AnyState.
  StateIndex to = none;

  friend bool operator==(const Step&, const Step&) = default;
};

const char* to_string(Step::Type type) noexcept;
/// `**A** requires **B**`-like lines of a debugger: `**A** add **B**`, `called **A**`,
/// `handler **A**Enter`.
std::string to_string(const Step& step, const CompiledSchema& schema);

}  // namespace am
