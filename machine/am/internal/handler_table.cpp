#include <am/internal/handler_table.hpp>

#include <am/error.hpp>
#include <am/internal/schema_data.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace am::internal {

namespace {

struct Suffix {
  std::string_view text;
  HandlerKind kind;
};

constexpr std::array<Suffix, 4> suffixes{{{"Enter", HandlerKind::enter},
                                          {"Exit", HandlerKind::exit},
                                          {"State", HandlerKind::state},
                                          {"End", HandlerKind::end}}};

std::string_view suffix_of(HandlerKind kind) {
  for (const auto& [text, suffix_kind] : suffixes) {
    if (kind == suffix_kind) return text;
  }
  return "";
}

/// The handler nearest to `name`, as ` (did you mean ...)`, or "".
std::string nearest_handler(const CompiledSchema& schema, std::string_view name) {
  for (const auto& [text, kind] : suffixes) {
    if (name.size() <= text.size() || !name.ends_with(text)) continue;
    return suggestion(name.substr(0, name.size() - text.size()), schema.names());
  }
  std::vector<std::string> names{"AnyEnter", "AnyState"};
  for (const auto state : schema.names()) {
    for (const auto& [text, kind] : suffixes) names.push_back(fmt::format("{}{}", state, text));
  }
  return suggestion(name, std::vector<std::string_view>(names.begin(), names.end()));
}

[[noreturn]] void throw_unknown(const CompiledSchema& schema, std::string_view name) {
  throw Error(
      Errc::unknown_handler,
      fmt::format("handler \"{}\" matches no state: use FooEnter, FooExit, FooState, FooEnd, "
                  "FooFoo, FooBar, AnyEnter or AnyState{}",
                  name, nearest_handler(schema, name)));
}

}  // namespace

HandlerKey parse_handler_name(const CompiledSchema& schema, std::string_view name) {
  if (name == "AnyEnter") return {HandlerKind::any_enter};
  if (name == "AnyState") return {HandlerKind::any_state};
  std::optional<HandlerKey> found;
  const auto consider = [&](HandlerKey key) {
    if (found) {
      throw Error(
          Errc::unknown_handler,
          fmt::format("handler \"{}\" can be read as {} of \"{}\" or of \"{}\": bind it by "
                      "state instead (on_enter, on_exit, on_state, on_end, on_pair)",
                      name, "a handler", schema.names()[found->state], schema.names()[key.state]));
    }
    found = key;
  };
  for (const auto& [text, kind] : suffixes) {
    if (!name.ends_with(text)) continue;
    if (const auto state = schema.find(name.substr(0, name.size() - text.size()))) {
      consider({kind, *state});
    }
  }
  for (std::size_t cut = 1; cut < name.size(); ++cut) {
    const auto first = schema.find(name.substr(0, cut));
    if (!first) continue;
    const auto second = schema.find(name.substr(cut));
    if (!second) continue;
    consider(*first == *second ? HandlerKey{HandlerKind::self, *first}
                               : HandlerKey{HandlerKind::pair, *first, *second});
  }
  if (!found) throw_unknown(schema, name);
  return *found;
}

std::string handler_name(const CompiledSchema& schema, HandlerKind kind, StateIndex state,
                         StateIndex second) {
  const auto name = [&](StateIndex i) { return schema.names()[i]; };
  switch (kind) {
    case HandlerKind::any_enter: return "AnyEnter";
    case HandlerKind::any_state: return "AnyState";
    case HandlerKind::self: return fmt::format("{}{}", name(state), name(state));
    case HandlerKind::pair: return fmt::format("{}{}", name(state), name(second));
    default: return fmt::format("{}{}", name(state), suffix_of(kind));
  }
}

HandlerTable::HandlerTable(std::size_t states) : words_(words_for(states)) { find_present(); }

const std::vector<HandlerTable::Bound>* HandlerTable::find(HandlerKey key) const noexcept {
  const auto found = lists_.find(key.packed());
  return found == lists_.end() ? nullptr : &found->second;
}

Bits HandlerTable::pairs_of(StateIndex state) const noexcept {
  const auto found = pairs_.find(state);
  return found == pairs_.end() ? Bits{} : Bits{found->second};
}

void HandlerTable::add(HandlerKey key, BindingId binding,
                       std::shared_ptr<const HandlerFunction> function) {
  lists_[key.packed()].push_back({binding, std::move(function)});
  if (bindings_.empty() || bindings_.back() != binding) bindings_.push_back(binding);
  find_present();
}

void HandlerTable::grow(std::size_t states) {
  words_ = words_for(states);
  find_present();
}

bool HandlerTable::remove(BindingId binding) {
  bool removed = false;
  for (auto it = lists_.begin(); it != lists_.end();) {
    removed |= std::erase_if(it->second, [&](const Bound& b) { return b.binding == binding; }) != 0;
    it = it->second.empty() ? lists_.erase(it) : std::next(it);
  }
  std::erase(bindings_, binding);
  find_present();
  return removed;
}

std::size_t HandlerTable::number_of(BindingId binding) const noexcept {
  const auto found = std::ranges::find(bindings_, binding);
  return static_cast<std::size_t>(found - bindings_.begin());
}

void HandlerTable::find_present() {
  for (auto& bits : present_) bits.assign(words_, 0);
  pairs_.clear();
  concerned_.assign(words_, 0);
  kinds_ = 0;
  any_negotiates_ = false;
  for (const auto& [packed, list] : lists_) {
    const auto kind = static_cast<HandlerKind>(packed >> 32);
    const auto state = static_cast<StateIndex>((packed >> 16) & 0xffff);
    set(present_[static_cast<std::size_t>(kind)], state);
    kinds_ |= bit(kind);
    any_negotiates_ |= negotiates(kind);
    set(concerned_, state);
    if (kind == HandlerKind::pair) {
      auto& row = pairs_[state];
      if (row.empty()) row.assign(words_, 0);
      set(row, static_cast<StateIndex>(packed & 0xffff));
    }
  }
  // These are called for a state that is not in their key as well.
  const auto any =
      bit(HandlerKind::any_enter) | bit(HandlerKind::any_state) | bit(HandlerKind::pair);
  if ((kinds_ & any) != 0) concerned_.assign(words_, ~Word{0});
}

}  // namespace am::internal
