// Text forms of the public types, through fmt.
#pragma once

#include <am/api.hpp>
#include <am/error.hpp>
#include <am/log_level.hpp>
#include <am/result.hpp>
#include <am/state_id.hpp>
#include <am/tick.hpp>
#include <am/transition.hpp>
#include <am/wait.hpp>

#include <fmt/format.h>

#include <concepts>
#include <string>
#include <type_traits>

namespace am {

/// How a machine is written.
enum class Form {
  active,   ///< `(Open:1)`: active states with their ticks, in index order
  all,      ///< `(Open:1) [Closed:2 Exception:0]`: the inactive ones too
  inspect,  ///< a paragraph for each state: activity, name, tick, properties, relations
};

/// The states of `machine` as of one instant.
std::string to_string(const Api& machine, Form form = Form::active);

/// The paragraphs of Form::inspect for `states` alone, in this order: activity and name, then tick,
/// properties and relations on lines of their own. Throws `Error` (unknown_state).
std::string inspect(const Api& machine, StateList states);
inline std::string inspect(const Api& machine) { return to_string(machine, Form::inspect); }

/// `(A:1 B:3)`, `executed`, `canceled (handler)`, `queued at 7`.
std::string to_string(Result result);

}  // namespace am

/// `{}`: active states, `{:a}`: all states, `{:i}`: a paragraph for each.
template <class Machine>
struct fmt::formatter<Machine, char, std::enable_if_t<std::is_base_of_v<am::Api, Machine>>> {
  constexpr auto parse(fmt::format_parse_context& context) {
    auto it = context.begin();
    if (it != context.end() && *it == 'a') {
      form_ = am::Form::all;
      ++it;
    } else if (it != context.end() && *it == 'i') {
      form_ = am::Form::inspect;
      ++it;
    }
    if (it != context.end() && *it != '}')
      throw fmt::format_error("a machine takes {}, {:a} or {:i}");
    return it;
  }
  template <class Context>
  auto format(const Machine& machine, Context& context) const {
    return fmt::format_to(context.out(), "{}", am::to_string(machine, form_));
  }

 private:
  am::Form form_ = am::Form::active;
};

/// Counters print as their number.
template <class Counter>
struct fmt::formatter<
    Counter, char,
    std::enable_if_t<std::is_same_v<Counter, am::Tick> || std::is_same_v<Counter, am::QueueTick> ||
                     std::is_same_v<Counter, am::MachineTick>>> : fmt::formatter<std::uint64_t> {
  template <class Context>
  auto format(Counter counter, Context& context) const {
    return fmt::formatter<std::uint64_t>::format(counter.value, context);
  }
};

/// What has a `to_string` that gives a name prints as it.
template <class Named>
struct fmt::formatter<
    Named, char,
    std::enable_if_t<std::is_same_v<Named, am::Result::Kind> || std::is_same_v<Named, am::Reason> ||
                     std::is_same_v<Named, am::Ended> || std::is_same_v<Named, am::MutationType> ||
                     std::is_same_v<Named, am::Errc> || std::is_same_v<Named, am::LogLevel> ||
                     std::is_same_v<Named, am::Relation> || std::is_same_v<Named, am::Step::Type>>>
    : fmt::formatter<fmt::string_view> {
  template <class Context>
  auto format(Named named, Context& context) const {
    return fmt::formatter<fmt::string_view>::format(am::to_string(named), context);
  }
};

template <>
struct fmt::formatter<am::Result> : fmt::formatter<fmt::string_view> {
  template <class Context>
  auto format(am::Result result, Context& context) const {
    return fmt::formatter<fmt::string_view>::format(am::to_string(result), context);
  }
};

template <>
struct fmt::formatter<am::StateId> : fmt::formatter<fmt::string_view> {
  template <class Context>
  auto format(am::StateId id, Context& context) const {
    const auto name = id.name();
    return fmt::formatter<fmt::string_view>::format({name.data(), name.size()}, context);
  }
};

/// The mutation, its source and its steps.
template <>
struct fmt::formatter<am::Transition> : fmt::formatter<fmt::string_view> {
  template <class Context>
  auto format(const am::Transition& transition, Context& context) const {
    return fmt::formatter<fmt::string_view>::format(am::to_string(transition), context);
  }
};

/// Ticks in index order, separated by spaces.
template <>
struct fmt::formatter<am::Time> {
  constexpr auto parse(fmt::format_parse_context& context) { return context.begin(); }
  template <class Context>
  auto format(const am::Time& time, Context& context) const {
    return fmt::format_to(context.out(), "{}", fmt::join(time.ticks, " "));
  }
};
