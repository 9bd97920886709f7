// Typed states: sets of states with compile-time ids.
#pragma once

#include <am/detail/for_each.hpp>
#include <am/detail/handler_names.hpp>
#include <am/schema.hpp>
#include <am/state_id.hpp>

#include <array>
#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <span>
#include <string_view>

/// Declares a set of states, at namespace or class scope:
///
///     AM_STATES(Door, Closed, Open, Locked, Ringing)
///
/// makes a struct `Door` with, all static and usable from any thread:
///
///     Door::Closed        // a constexpr am::StateId; so are Open, Locked, Ringing
///     Door::set           // the am::StateSet called "Door"; one object in the whole program
///     Door::size          // 4
///     Door::ids           // std::span<const am::StateId>, all of them in order
///     Door::schema({{Door::Closed, {.remove = {Door::Open}}},
///                   {Door::Open, {.remove = {Door::Closed}}}})
///                         // an am::Schema in the order of the set; states left out are plain.
///                         // Throws am::Error (schema) for a state that is not in the set.
///
/// Written without a semicolon. From 1 to 256 different names, none of which is Any, set, schema,
/// size, ids or the set's own. A machine whose schema has the names in another order, or more of
/// them, takes the ids too.
#define AM_STATES(Set, ...)                                                                  \
  struct Set {                                                                               \
    static_assert(sizeof("" #__VA_ARGS__) != 1, "AM_STATES(" #Set ", ...): names no state"); \
    AM_DETAIL_FOR_EACH(AM_DETAIL_STATE_CHECK, AM_DETAIL_STATES_BEYOND, Set, __VA_ARGS__)     \
    enum class am_index : ::am::StateIndex {                                                 \
      AM_DETAIL_FOR_EACH(AM_DETAIL_STATE_INDEX, AM_DETAIL_NOTHING, Set, __VA_ARGS__)         \
    };                                                                                       \
    [[maybe_unused]] static constexpr ::std::string_view am_names[] = {                      \
        AM_DETAIL_FOR_EACH(AM_DETAIL_NAME, AM_DETAIL_NOTHING, Set, __VA_ARGS__)};            \
    [[maybe_unused]] static constexpr ::am::StateSet set{#Set, am_names};                    \
    [[maybe_unused]] static constexpr ::std::size_t size = ::std::size(am_names);            \
    [[maybe_unused]] static constexpr ::std::array<::am::StateId, size> am_ids =             \
        ::am::detail::ids<size>(set);                                                        \
    [[maybe_unused]] static constexpr ::std::span<const ::am::StateId> ids{am_ids};          \
    AM_DETAIL_FOR_EACH(AM_DETAIL_STATE_ID, AM_DETAIL_NOTHING, Set, __VA_ARGS__)              \
    [[maybe_unused]] static ::am::Schema schema(                                             \
        ::std::initializer_list<::am::Schema::Entry> entries = {}) {                         \
      return ::am::Schema(set, entries);                                                     \
    }                                                                                        \
    template <class Handlers>                                                                \
    static constexpr bool am_all_listed() {                                                  \
      AM_DETAIL_FOR_EACH(AM_DETAIL_STATE_HANDLERS, AM_DETAIL_NOTHING, Handlers, __VA_ARGS__) \
      return true;                                                                           \
    }                                                                                        \
  };

#define AM_DETAIL_STATES_BEYOND(Set, Name)                  \
  static_assert(sizeof(#Name) == 0, "AM_STATES(" #Set       \
                                    ", ...): more than 256" \
                                    " states, \"" #Name "\" is the first beyond");

#define AM_DETAIL_STATE_CHECK(Set, Name)                                                     \
  static_assert(::am::detail::may_be_state(#Name, #Set),                                     \
                "AM_STATES(" #Set ", ...): \"" #Name                                         \
                "\" cannot be a state, because Any, set, schema, size, ids, am_... and the " \
                "set's own name have another meaning");

#define AM_DETAIL_STATE_INDEX(Set, Name) Name,
#define AM_DETAIL_STATE_ID(Set, Name)                   \
  [[maybe_unused]] static constexpr ::am::StateId Name{ \
      set, static_cast<::am::StateIndex>(am_index::Name)};

#define AM_DETAIL_STATE_HANDLERS(Handlers, Name)     \
  AM_DETAIL_LISTED_IF_WRITTEN(Handlers, Name##Enter) \
  AM_DETAIL_LISTED_IF_WRITTEN(Handlers, Name##Exit)  \
  AM_DETAIL_LISTED_IF_WRITTEN(Handlers, Name##State) \
  AM_DETAIL_LISTED_IF_WRITTEN(Handlers, Name##End)

// The second form finds overloaded methods and callable members. Private ones are found because
// `AM_HANDLERS` makes the set a friend; clang 14 heeds that in the body of a function only.
// clang-format off
#define AM_DETAIL_LISTED_IF_WRITTEN(Handlers, Name)                             \
  static_assert(                                                                \
      !(requires { requires ::am::detail::method<decltype(&Handlers::Name)>; }  \
        || requires(Handlers& h, ::am::Event& e) { h.Name(e); })                \
      || ::am::detail::count(Handlers::am_listed, #Name) != 0,                  \
      "\"" #Name "\" is written in the handlers, but AM_HANDLERS does not list it");
// clang-format on

namespace am {

class Event;

namespace detail {

template <std::size_t N>
constexpr std::array<StateId, N> ids(const StateSet& set) {
  std::array<StateId, N> ids{};
  for (std::size_t i = 0; i < N; ++i) ids[i] = StateId(set, static_cast<StateIndex>(i));
  return ids;
}

constexpr bool may_be_state(std::string_view name, std::string_view set) {
  return name != "Any" && name != "set" && name != "schema" && name != "size" && name != "ids" &&
         name != set && !name.starts_with("am_");
}

}  // namespace detail
}  // namespace am
