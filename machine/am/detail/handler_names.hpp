// What the name of a handler means, at compile time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

namespace am::detail {

using Names = std::span<const std::string_view>;

inline constexpr std::array<std::string_view, 4> handler_suffixes{"Enter", "Exit", "State", "End"};

/// How many handlers of `states` could be called `name`: 1 for a good one.
constexpr std::size_t readings(Names states, std::string_view name) {
  if (name == "AnyEnter" || name == "AnyState") return 1;
  std::size_t count = 0;
  for (const auto first : states) {
    if (!name.starts_with(first)) continue;
    const auto rest = name.substr(first.size());
    for (const auto suffix : handler_suffixes) count += rest == suffix ? 1 : 0;
    for (const auto second : states) count += rest == second ? 1 : 0;
  }
  return count;
}

constexpr std::size_t count(Names listed, std::string_view name) {
  std::size_t count = 0;
  for (const auto each : listed) count += each == name ? 1 : 0;
  return count;
}

/// A type of a pointer to a method, static ones included.
template <class T>
concept method =
    std::is_member_function_pointer_v<T> || std::is_function_v<std::remove_pointer_t<T>>;

// -- the nearest valid name of a wrong one ------------------------------------

/// A handler name in two parts: a state, or "Any" when `first` is the number of states; and a
/// suffix, or a state when `second` is at least the number of suffixes.
struct NameParts {
  std::uint16_t first = 0;
  std::uint16_t second = 0;
  /// Number of single-character edits; `far` when nothing is near, 0 for a valid name.
  std::uint16_t distance = 0;

  static constexpr std::uint16_t far = 0xffff;
};

/// Edit distances between words and all beginnings, or all ends, of one name.
class EditDistances {
 public:
  static constexpr std::size_t longest = 64;

  struct Best {
    std::uint16_t word = 0;
    std::uint16_t distance = NameParts::far;
  };

  constexpr EditDistances(std::string_view name, bool backwards)
      : name_(name), backwards_(backwards) {}

  /// Takes `word` into account. Does nothing once many were, because compilers limit what they
  /// evaluate: a hint is worth less than the error it belongs to.
  constexpr void add(std::string_view word, std::size_t number) {
    if (cells_ > 60'000 || word.size() > longest) return;
    cells_ += word.size() * name_.size();
    const auto size = name_.size();
    for (std::size_t j = 0; j <= size; ++j) row_[j] = static_cast<std::uint16_t>(j);
    for (std::size_t i = 0; i < word.size(); ++i) {
      const char letter = backwards_ ? word[word.size() - 1 - i] : word[i];
      std::uint16_t diagonal = row_[0]++;
      for (std::size_t j = 0; j < size; ++j) {
        std::uint16_t least = diagonal;
        if (letter != (backwards_ ? name_[size - 1 - j] : name_[j])) {
          if (row_[j] < least) least = row_[j];
          if (row_[j + 1] < least) least = row_[j + 1];
          ++least;
        }
        diagonal = row_[j + 1];
        row_[j + 1] = least;
      }
    }
    for (std::size_t j = 0; j <= size; ++j) {
      if (row_[j] < best_[j].distance) best_[j] = {static_cast<std::uint16_t>(number), row_[j]};
    }
  }

  /// The word nearest to the `length` first, or last, characters of the name.
  constexpr Best best(std::size_t length) const { return best_[length]; }

 private:
  std::string_view name_;
  bool backwards_;
  std::size_t cells_ = 0;
  std::array<std::uint16_t, longest + 1> row_{};
  std::array<Best, longest + 1> best_{};
};

/// The valid handler name that is nearest to `name`.
constexpr NameParts nearest(Names states, std::string_view name) {
  NameParts nearest{0, 0, NameParts::far};
  if (name.size() > EditDistances::longest) return nearest;
  EditDistances firsts(name, false);
  EditDistances suffixes(name, true);
  EditDistances seconds(name, true);
  for (std::size_t i = 0; i < handler_suffixes.size(); ++i) suffixes.add(handler_suffixes[i], i);
  for (std::size_t i = 0; i < states.size(); ++i) {
    firsts.add(states[i], i);
    seconds.add(states[i], i + handler_suffixes.size());
  }
  const auto consider = [&](EditDistances::Best first, EditDistances::Best second) {
    const auto distance = first.distance + second.distance;
    if (distance >= nearest.distance) return;
    nearest = {first.word, second.word, static_cast<std::uint16_t>(distance)};
  };
  for (std::size_t cut = 0; cut <= name.size(); ++cut) {
    consider(firsts.best(cut), suffixes.best(name.size() - cut));
    consider(firsts.best(cut), seconds.best(name.size() - cut));
  }
  EditDistances any(name, false);
  any.add("AnyEnter", 0);
  any.add("AnyState", 2);
  if (const auto best = any.best(name.size()); best.distance < nearest.distance) {
    nearest = {static_cast<std::uint16_t>(states.size()), best.word, best.distance};
  }
  if (nearest.distance > (name.size() < 6 ? 2 : name.size() / 3)) nearest.distance = NameParts::far;
  return nearest;
}

/// What there is to say about a listed name.
constexpr NameParts check_listed(Names states, std::string_view name) {
  return readings(states, name) == 0 ? nearest(states, name) : NameParts{};
}

struct valid_name;
struct nothing_near;
/// The nearest name, letter by letter: the one form that all compilers print.
template <char... Letters>
struct did_you_mean;

template <class Set, NameParts parts>
constexpr char letter_of(std::size_t i) {
  const auto first = parts.first < Set::size ? Set::set.names[parts.first] : "Any";
  if (i < first.size()) return first[i];
  const auto second = parts.second < handler_suffixes.size()
                          ? handler_suffixes[parts.second]
                          : Set::set.names[parts.second - handler_suffixes.size()];
  return i - first.size() < second.size() ? second[i - first.size()] : '\0';
}

template <class Set, NameParts parts>
constexpr std::size_t length_of() {
  std::size_t length = 0;
  while (letter_of<Set, parts>(length) != '\0') ++length;
  return length;
}

template <class Set, NameParts parts, std::size_t... I>
constexpr auto spell(std::index_sequence<I...>) {
  return std::type_identity<did_you_mean<letter_of<Set, parts>(I)...>>{};
}

template <class Set, NameParts parts>
constexpr auto hint() {
  if constexpr (parts.distance == 0) {
    return std::type_identity<valid_name>{};
  } else if constexpr (parts.distance == NameParts::far) {
    return std::type_identity<nothing_near>{};
  } else {
    return spell<Set, parts>(std::make_index_sequence<length_of<Set, parts>()>{});
  }
}

template <class Set, NameParts parts>
using hint_t = typename decltype(hint<Set, parts>())::type;

/// Fails for a hint, which compilers print then.
template <class Hint>
concept matches_a_state = std::is_same_v<Hint, valid_name>;

}  // namespace am::detail
