// A turnstile, the "hello world" of state machines: a coin unlocks it, a push locks it again.
#include <am/machine.hpp>

#include <fmt/format.h>

// What elsewhere are events are states here too: inputs that are active for one transition. So they
// have clocks, relations and handlers, can be waited for, and can be refused.
AM_STATES(Turnstile, Locked, Unlocked, Coin, Push)

struct TurnstileHandlers {
  // A guard, asked before anything changes: while Locked is active, may Push come? No.
  bool LockedPush(am::Event&) { return false; }

  // The effects. `set` makes its states the only active ones: the input has done its work and goes.
  void CoinState(am::Event& e) { e.machine().set(Turnstile::Unlocked); }
  void PushState(am::Event& e) { e.machine().set(Turnstile::Locked); }

  void UnlockedState(am::Event&) { fmt::print("  click: come in\n"); }
  void UnlockedEnd(am::Event&) { fmt::print("  clack: next, please\n"); }

  AM_HANDLERS(Turnstile, LockedPush, CoinState, PushState, UnlockedState, UnlockedEnd)
};

am::Schema turnstile_schema() {
  return Turnstile::schema({
      {Turnstile::Locked, {.remove = {Turnstile::Unlocked}}},
      {Turnstile::Unlocked, {.remove = {Turnstile::Locked}}},
      // Coin and Push are left out: plain states.
  });
}

int main() {
  am::Machine turnstile{turnstile_schema()};
  turnstile.bind(TurnstileHandlers{});
  turnstile.add(Turnstile::Locked);
  fmt::print("{}\n", turnstile);

  // By the time `add` returns, what the handlers asked for has happened too.
  fmt::print("push: {}\n", turnstile.add(Turnstile::Push));
  fmt::print("coin: {}\n", turnstile.add(Turnstile::Coin));
  fmt::print("{}\n", turnstile);

  // Unlocked is active already: no handler runs, no clock ticks, and the coin is lost.
  fmt::print("coin: {}\n", turnstile.add(Turnstile::Coin));
  fmt::print("{}\n", turnstile);

  fmt::print("push: {}\n", turnstile.add(Turnstile::Push));
  fmt::print("{}\n", turnstile);

  // Nobody counted, and yet it is known: a clock ticks when its state comes and when it goes.
  fmt::print("coins: {}\n", turnstile.tick(Turnstile::Coin).value / 2);
  fmt::print("visitors: {}\n", turnstile.tick(Turnstile::Push).value / 2);
}
