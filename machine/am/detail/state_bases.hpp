// What `AM_STATES` and `AM_STATES_EXTENDING` are made of: names, ids and definitions of sets that
// extend other sets.
#pragma once

#include <am/schema.hpp>
#include <am/state_id.hpp>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

/// `AM_DETAIL_BARE((A, B))` is `A, B`, and so is `AM_DETAIL_BARE(A)` just `A`.
#define AM_DETAIL_BARE(list) AM_DETAIL_BARE_1(AM_DETAIL_BARE_3 list)
#define AM_DETAIL_BARE_1(...) AM_DETAIL_BARE_2(__VA_ARGS__)
#define AM_DETAIL_BARE_2(...) AM_DETAIL_NO_##__VA_ARGS__
#define AM_DETAIL_BARE_3(...) AM_DETAIL_BARE_3 __VA_ARGS__
#define AM_DETAIL_NO_AM_DETAIL_BARE_3

namespace am::detail {

/// What AM_STATES and AM_STATES_EXTENDING declare.
template <class T>
concept declared_set = requires {
  { T::set } -> std::convertible_to<const StateSet&>;
  T::am_ids;
};

constexpr StateIndex index_in(std::span<const std::string_view> names, std::string_view name) {
  std::size_t i = 0;
  while (names[i] != name) ++i;
  return static_cast<StateIndex>(i);
}

template <std::size_t N>
constexpr std::array<StateId, N> ids(const StateSet& set) {
  std::array<StateId, N> ids{};
  for (std::size_t i = 0; i < N; ++i) ids[i] = StateId(set, static_cast<StateIndex>(i));
  return ids;
}

/// The definitions of a set and of those it extends, each set's once.
struct Definitions {
  Schema schema{};
  std::vector<const StateSet*> seen{};

  bool is_new(const StateSet& set) {
    if (std::ranges::find(seen, &set) != seen.end()) return false;
    seen.push_back(&set);
    return true;
  }
};

/// A schema in the order of `set`; `later` definitions replace those of `definitions`.
Schema schema_of(const StateSet& set, const Schema& definitions,
                 std::initializer_list<Schema::Entry> later);

template <std::size_t Most>
struct JoinedNames {
  std::array<std::string_view, Most> names{};
  std::size_t size = 0;

  constexpr void add(std::span<const std::string_view> more) {
    const std::span<const std::string_view> before(names.data(), size);
    for (const auto name : more) {
      bool there = false;
      for (const auto known : before) there = there || known == name;
      if (!there) names[size++] = name;
    }
  }
};

/// The sets that a set extends.
template <class... Sets>
struct Bases {
  static constexpr bool are_sets = (declared_set<Sets> && ...);

  template <class Set>
  static constexpr const StateSet* address() {
    if constexpr (declared_set<Set>) {
      return &Set::set;
    } else {
      return nullptr;
    }
  }
  static constexpr std::array<const StateSet*, sizeof...(Sets)> sets{address<Sets>()...};

  // Asked of the types: with -fsanitize=undefined g++ cannot compare the address of a set with null
  // in a constant expression.
  template <class Set>
  static constexpr std::span<const std::string_view> names_of() {
    if constexpr (declared_set<Set>) {
      return Set::set.names;
    } else {
      return {};
    }
  }
  /// How many names they have at most.
  static constexpr std::size_t most() { return (names_of<Sets>().size() + ... + 0U); }
  /// Their names and then `own`, each once.
  template <std::size_t Own>
  static constexpr auto join(std::span<const std::string_view> own) {
    JoinedNames<most() + Own> joined;
    (joined.add(names_of<Sets>()), ...);
    joined.add(own);
    return joined;
  }

  template <class Unused>
  static void define(Definitions& definitions) {
    (Sets::template am_define<Unused>(definitions), ...);
  }
  template <class Handlers>
  static constexpr bool all_listed() {
    if constexpr (are_sets) return (Sets::template am_all_listed<Handlers>() && ... && true);
    return true;
  }
};

struct NoNames {};

/// The names of `Sets` as ids of `Owner`. Each set's names hide those of the sets after it, so that
/// a name which several have, or which is reached in several ways, is found once.
template <class Owner, class Next, class... Sets>
struct NamesOf : Next {};
template <class Owner, class Next, class Set, class... Sets>
struct NamesOf<Owner, Next, Set, Sets...> : NamesOf<Owner, Next, Sets...> {};
template <class Owner, class Next, declared_set Set, class... Sets>
struct NamesOf<Owner, Next, Set, Sets...>
    : Set::template am_names_for<Owner, NamesOf<Owner, Next, Sets...>> {};

constexpr bool may_be_state(std::string_view name, std::string_view set) {
  return name != "Any" && name != "set" && name != "schema" && name != "size" && name != "ids" &&
         name != set && !name.starts_with("am_");
}

}  // namespace am::detail
