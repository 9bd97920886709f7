// Handlers of a machine by what they are called for: found by the pairs that exist, never by name.
#pragma once

#include <am/handlers.hpp>
#include <am/internal/bits.hpp>
#include <am/schema.hpp>
#include <am/transition.hpp>

#include <array>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace am::internal {

/// What a handler name means in a schema.
struct HandlerKey {
  HandlerKind kind = HandlerKind::any_state;
  StateIndex state = 0;
  StateIndex second = 0;  ///< of a pair; else 0

  std::uint64_t packed() const noexcept {
    return (static_cast<std::uint64_t>(kind) << 32) | (static_cast<std::uint64_t>(state) << 16) |
           second;
  }
};

/// Reads a name such as "LockedEnter" or "ClosedOpen". Throws `Error` (unknown_handler) when it
/// matches nothing, with a suggestion, or when it can be read in two ways (spec machine 10.4).
HandlerKey parse_handler_name(const CompiledSchema& schema, std::string_view name);

/// The reverse: the name of a handler.
std::string handler_name(const CompiledSchema& schema, HandlerKind kind, StateIndex state,
                         StateIndex second);

/// An immutable set of bindings. Changing it makes a new one.
class HandlerTable {
 public:
  struct Bound {
    BindingId binding;
    std::shared_ptr<const HandlerFunction> function;
  };

  explicit HandlerTable(std::size_t states);

  bool empty() const noexcept { return kinds_ == 0; }
  /// Whether there is a handler of `kind`.
  bool has(HandlerKind kind) const noexcept { return (kinds_ & bit(kind)) != 0; }
  /// Whether there is one that is asked before ticks change.
  bool any_negotiates() const noexcept { return any_negotiates_; }
  /// Whether some handler may be called when `state` alone comes or goes.
  bool concern(StateIndex state) const noexcept { return kinds_ != 0 && test(concerned_, state); }
  /// Handlers of `key` in binding order; null when there are none.
  const std::vector<Bound>* find(HandlerKey key) const noexcept;
  /// States with handlers of `kind`; for pairs, their first states.
  Bits states_with(HandlerKind kind) const noexcept {
    return present_[static_cast<std::size_t>(kind)];
  }
  /// Second states of the pair handlers of `state`.
  Bits pairs_of(StateIndex state) const noexcept;

  void add(HandlerKey key, BindingId binding, std::shared_ptr<const HandlerFunction> function);
  /// Makes room for the handlers of a schema with `states` of them.
  void grow(std::size_t states);
  /// Removes all handlers of `binding`; returns whether there were any.
  bool remove(BindingId binding);
  /// How many of the bindings are older than `binding`.
  std::size_t number_of(BindingId binding) const noexcept;

 private:
  static constexpr unsigned bit(HandlerKind kind) noexcept {
    return 1U << static_cast<unsigned>(kind);
  }
  void find_present();

  std::size_t words_;
  unsigned kinds_ = 0;
  bool any_negotiates_ = false;
  std::unordered_map<std::uint64_t, std::vector<Bound>> lists_;
  std::array<std::vector<Word>, 8> present_;
  std::vector<Word> concerned_;
  std::unordered_map<StateIndex, std::vector<Word>> pairs_;
  std::vector<BindingId> bindings_;  ///< in the order of binding
};

}  // namespace am::internal
