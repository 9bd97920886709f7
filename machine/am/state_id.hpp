// How a call names states: typed ids, names, and lists of either.
#pragma once

#include <am/tick.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace am {

/// A named, ordered set of state names. `AM_STATES` makes a constexpr one; every compiled schema
/// has one of its own.
struct StateSet {
  std::string_view name;
  std::span<const std::string_view> names;
  /// 0 for the constexpr sets of `AM_STATES`; unique in the process for the others, so that the id
  /// of a schema which is gone never passes for an id of another.
  std::uint32_t serial = 0;
  /// The sets that it extends (`AM_STATES_EXTENDING`); their names come first.
  std::span<const StateSet* const> bases{};
};

/// A state of one state set: two words, constexpr. `StateId{}` is invalid, never state 0.
/// A machine maps each set to its own order once; ids of its own set cost nothing.
class StateId {
 public:
  constexpr StateId() = default;
  constexpr StateId(const StateSet& set, StateIndex index)
      : set_(&set), serial_(set.serial), index_(index) {}

  constexpr bool valid() const noexcept { return set_ != nullptr; }
  /// Position within the set, which is not always the position within a machine.
  constexpr StateIndex index() const noexcept { return index_; }
  /// The set, as a key; do not look into it when the machine that gave the id may be gone.
  constexpr const StateSet* set() const noexcept { return set_; }
  constexpr std::uint32_t serial() const noexcept { return serial_; }
  /// The state's name; "" for an invalid id. For ids given by a machine, only while it lives.
  constexpr std::string_view name() const noexcept {
    return set_ == nullptr ? std::string_view{} : set_->names[index_];
  }

  friend constexpr bool operator==(StateId a, StateId b) noexcept {
    return a.set_ == b.set_ && a.serial_ == b.serial_ && a.index_ == b.index_;
  }

 private:
  const StateSet* set_ = nullptr;
  std::uint32_t serial_ = 0;
  StateIndex index_ = 0;
};

static_assert(sizeof(StateId) == 16);

/// One state, by id or by name. Does not own the name.
class StateRef {
 public:
  constexpr StateRef(StateId id) : id_(id) {}                 // NOLINT: implicit
  constexpr StateRef(std::string_view name) : name_(name) {}  // NOLINT: implicit
  constexpr StateRef(const char* name) : name_(name) {}       // NOLINT: implicit
  StateRef(const std::string& name) : name_(name) {}          // NOLINT: implicit
  /// A bare number is no state; 0 would even pass for a null name.
  template <std::integral Number>
  StateRef(Number) = delete;

  constexpr bool by_id() const noexcept { return id_.valid() || name_.data() == nullptr; }
  constexpr StateId id() const noexcept { return id_; }
  /// The name, also of an id.
  constexpr std::string_view name() const noexcept { return by_id() ? id_.name() : name_; }

 private:
  StateId id_{};
  std::string_view name_{};
};

/// States passed to a call, in order: one id or name, a braced list, or a span or vector of ids,
/// names or indexes. A view: use it as a parameter only.
class StateList {
 public:
  constexpr StateList() = default;
  StateList(StateId id) : kind_(Kind::one), one_(id), size_(1) {}                 // NOLINT
  StateList(std::string_view name) : kind_(Kind::one), one_(name), size_(1) {}    // NOLINT
  StateList(const char* name) : kind_(Kind::one), one_(name), size_(1) {}         // NOLINT
  StateList(const std::string& name) : kind_(Kind::one), one_(name), size_(1) {}  // NOLINT
  StateList(StateRef ref) : kind_(Kind::one), one_(ref), size_(1) {}              // NOLINT
  /// A bare number is no state.
  template <std::integral Number>
  StateList(Number) = delete;
  StateList(std::initializer_list<StateRef> list)  // NOLINT
      : kind_(Kind::refs), data_(list.begin()), size_(list.size()) {}
  StateList(std::span<const StateRef> list) : StateList(Kind::refs, list) {}            // NOLINT
  StateList(std::span<const StateId> list) : StateList(Kind::ids, list) {}              // NOLINT
  StateList(std::span<const std::string> list) : StateList(Kind::strings, list) {}      // NOLINT
  StateList(std::span<const std::string_view> list) : StateList(Kind::views, list) {}   // NOLINT
  StateList(std::span<const StateIndex> list) : StateList(Kind::indexes, list) {}       // NOLINT
  StateList(const std::vector<StateRef>& list) : StateList(std::span(list)) {}          // NOLINT
  StateList(const std::vector<StateId>& list) : StateList(std::span(list)) {}           // NOLINT
  StateList(const std::vector<std::string>& list) : StateList(std::span(list)) {}       // NOLINT
  StateList(const std::vector<std::string_view>& list) : StateList(std::span(list)) {}  // NOLINT
  StateList(const std::vector<StateIndex>& list) : StateList(std::span(list)) {}        // NOLINT

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  /// True when the list holds positions in the machine's own order, not names or ids.
  bool by_index() const noexcept { return kind_ == Kind::indexes; }
  /// The state of a list made from just one; null for other lists.
  const StateRef* only() const noexcept { return kind_ == Kind::one ? &one_ : nullptr; }
  StateIndex index_at(std::size_t i) const { return static_cast<const StateIndex*>(data_)[i]; }
  StateRef operator[](std::size_t i) const {
    switch (kind_) {
      case Kind::one: return one_;
      case Kind::refs: return static_cast<const StateRef*>(data_)[i];
      case Kind::ids: return static_cast<const StateId*>(data_)[i];
      case Kind::strings: return static_cast<const std::string*>(data_)[i];
      case Kind::views: return static_cast<const std::string_view*>(data_)[i];
      case Kind::indexes: break;
    }
    return StateId{};
  }

 private:
  enum class Kind : std::uint8_t { one, refs, ids, strings, views, indexes };

  template <class T>
  StateList(Kind kind, std::span<const T> list)
      : kind_(kind), data_(list.data()), size_(list.size()) {}

  Kind kind_ = Kind::refs;
  StateRef one_{StateId{}};
  const void* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace am
