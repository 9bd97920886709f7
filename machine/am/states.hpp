// Typed states: sets of states with compile-time ids.
#pragma once

#include <am/detail/for_each.hpp>
#include <am/detail/handler_names.hpp>
#include <am/detail/state_bases.hpp>
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
///                         // an am::Schema in the order of the set; states left out are as
///                         // AM_STATES_SCHEMA defines them, or plain. Throws am::Error (schema)
///                         // for a state that is not in the set.
///
/// Written without a semicolon. From 1 to 256 different names, none of which is Any, set, schema,
/// size, ids or the set's own. A machine whose schema has the names in another order, or more of
/// them, takes the ids too.
#define AM_STATES(Set, ...)                                                                       \
  struct Set {                                                                                    \
    static_assert(sizeof("" #__VA_ARGS__) != 1, "AM_STATES(" #Set ", ...): names no state");      \
    AM_DETAIL_SET_OWN_NAMES(Set, __VA_ARGS__)                                                     \
    using am_bases = ::am::detail::Bases<>;                                                       \
    [[maybe_unused]] static constexpr ::std::size_t size = ::std::size(am_own) - 1;               \
    [[maybe_unused]] static constexpr ::am::StateSet set{#Set, {::std::begin(am_own) + 1, size}}; \
    template <class Owner, class Next>                                                            \
    struct am_names_for : Next {                                                                  \
      AM_DETAIL_FOR_EACH(AM_DETAIL_STATE_OF_OWNER, AM_DETAIL_NOTHING, Owner, __VA_ARGS__)         \
    };                                                                                            \
    AM_DETAIL_FOR_EACH(AM_DETAIL_STATE_ID, AM_DETAIL_NOTHING, Set, __VA_ARGS__)                   \
    AM_DETAIL_SET_MEMBERS(Set, __VA_ARGS__)                                                       \
  };

/// Declares a set that has the states of other sets, and more:
///
///     AM_STATES(Basic, Start, Ready)
///     AM_STATES_EXTENDING(Worker, (Basic), Loading, Working)
///
/// `Worker` is as if AM_STATES had named Start, Ready, Loading and Working: the names of the sets
/// it extends in their order, then its own, each once. `Worker::Start` is an id of Worker; ids of
/// Basic work on its machines too. `Worker::schema()` has the definitions that AM_STATES_SCHEMA
/// gave the extended sets, and its own instead where it has one. Several sets are written
/// (Basic, Other); own names may be left out.
#define AM_STATES_EXTENDING(Set, extended, ...)                                              \
  struct Set : ::am::detail::NamesOf<Set, ::am::detail::NoNames, AM_DETAIL_BARE(extended)> { \
    using am_bases = ::am::detail::Bases<AM_DETAIL_BARE(extended)>;                          \
    static_assert(am_bases::are_sets, "AM_STATES_EXTENDING(" #Set ", " #extended             \
                                      ", ...): extends what AM_STATES did not declare");     \
    AM_DETAIL_SET_OWN_NAMES(Set, __VA_ARGS__)                                                \
    [[maybe_unused]] static constexpr auto am_joined =                                       \
        am_bases::join<::std::size(am_own)>({::std::begin(am_own) + 1, ::std::end(am_own)}); \
    [[maybe_unused]] static constexpr ::std::size_t size = am_joined.size;                   \
    [[maybe_unused]] static constexpr ::am::StateSet set{                                    \
        #Set, {am_joined.names.data(), size}, 0, am_bases::sets};                            \
    template <class Owner, class Next>                                                       \
    struct am_names_for : ::am::detail::NamesOf<Owner, Next, AM_DETAIL_BARE(extended)> {     \
      AM_DETAIL_FOR_EACH(AM_DETAIL_STATE_OF_OWNER, AM_DETAIL_NOTHING, Owner, __VA_ARGS__)    \
    };                                                                                       \
    AM_DETAIL_FOR_EACH(AM_DETAIL_STATE_OF_OWNER, AM_DETAIL_NOTHING, Set, __VA_ARGS__)        \
    AM_DETAIL_SET_MEMBERS(Set, __VA_ARGS__)                                                  \
  };

/// Defines the states of a set for good: `schema()` of the set, and of those that extend it, has
/// these definitions. At namespace scope, beside the set and before the first use of `schema()`:
///
///     AM_STATES(Basic, Start, Ready)
///     AM_STATES_SCHEMA(Basic, {{Start, {}}, {Ready, {.require = {Start}}}})
///
/// The names of the set need no qualification. Any am::Schema will do but `Basic::schema()`
/// itself, such as `am::Schema({...}).extend(am::exclusive({Start, Ready}))`; it can have groups.
#define AM_STATES_SCHEMA(Set, ...)                               \
  template <>                                                    \
  [[maybe_unused]] inline ::am::Schema Set::am_defined<void>() { \
    const ::am::Schema am_schema = __VA_ARGS__;                  \
    return am_schema;                                            \
  }

// The empty name in front lets a list of none be an array.
#define AM_DETAIL_SET_OWN_NAMES(Set, ...)                                              \
  AM_DETAIL_FOR_EACH(AM_DETAIL_STATE_CHECK, AM_DETAIL_STATES_BEYOND, Set, __VA_ARGS__) \
  enum class am_index : ::am::StateIndex {                                             \
    AM_DETAIL_FOR_EACH(AM_DETAIL_STATE_INDEX, AM_DETAIL_NOTHING, Set, __VA_ARGS__)     \
  };                                                                                   \
  [[maybe_unused]] static constexpr ::std::string_view am_own[] = {                    \
      "", AM_DETAIL_FOR_EACH(AM_DETAIL_NAME, AM_DETAIL_NOTHING, Set, __VA_ARGS__)};

#define AM_DETAIL_SET_MEMBERS(Set, ...)                                                         \
  [[maybe_unused]] static constexpr ::std::span<const ::std::string_view> am_names = set.names; \
  [[maybe_unused]] static constexpr ::std::array<::am::StateId, size> am_ids =                  \
      ::am::detail::ids<size>(set);                                                             \
  [[maybe_unused]] static constexpr ::std::span<const ::am::StateId> ids{am_ids};               \
  template <class Unused>                                                                       \
  static ::am::Schema am_defined() {                                                            \
    return {};                                                                                  \
  }                                                                                             \
  template <class Unused>                                                                       \
  static void am_define(::am::detail::Definitions& definitions) {                               \
    if (!definitions.is_new(set)) return;                                                       \
    am_bases::template define<Unused>(definitions);                                             \
    definitions.schema = definitions.schema.merge(am_defined<Unused>());                        \
  }                                                                                             \
  template <class Unused = void>                                                                \
  [[maybe_unused]] static ::am::Schema schema(                                                  \
      ::std::initializer_list<::am::Schema::Entry> entries = {}) {                              \
    ::am::detail::Definitions definitions;                                                      \
    am_define<Unused>(definitions);                                                             \
    return ::am::detail::schema_of(set, definitions.schema, entries);                           \
  }                                                                                             \
  template <class Handlers>                                                                     \
  static constexpr bool am_all_listed() {                                                       \
    AM_DETAIL_FOR_EACH(AM_DETAIL_STATE_HANDLERS, AM_DETAIL_NOTHING, Handlers, __VA_ARGS__)      \
    return am_bases::template all_listed<Handlers>();                                           \
  }

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

#define AM_DETAIL_STATE_OF_OWNER(Owner, Name)           \
  [[maybe_unused]] static constexpr ::am::StateId Name{ \
      Owner::set, ::am::detail::index_in(Owner::set.names, #Name)};

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

}  // namespace am
