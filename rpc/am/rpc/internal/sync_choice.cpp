#include <am/rpc/internal/sync_choice.hpp>

#include <fmt/format.h>

#include <string_view>
#include <unordered_map>

namespace am::rpc::internal {

namespace {

// Flags of a choice. Lists that are announced follow in this order.
constexpr std::uint8_t shallow = 0x01;
constexpr std::uint8_t without_schema = 0x02;
constexpr std::uint8_t has_states = 0x04;
constexpr std::uint8_t has_skip = 0x08;
constexpr std::uint8_t with_log = 0x10;
constexpr std::uint8_t known_flags = shallow | without_schema | has_states | has_skip | with_log;

void write_list(Writer& writer, const std::vector<std::string>& names) {
  writer.varint(names.size());
  for (const auto& name : names) writer.text(name);
}

void read_list(Reader& reader, const Limits& limits, const char* field,
               std::vector<std::string>& out) {
  const std::size_t count = reader.count(field, limits.states);
  out.clear();
  for (std::size_t i = 0; i < count && reader.ok(); ++i) {
    out.emplace_back(reader.text(field, max_state_name));
  }
}

}  // namespace

void write_choice(Writer& writer, const SyncOptions& choice) {
  writer.u8(static_cast<std::uint8_t>(
      (choice.shallow ? shallow : 0) | (choice.schema ? 0 : without_schema) |
      (choice.states ? has_states : 0) | (choice.skip.empty() ? 0 : has_skip) |
      (choice.log ? with_log : 0)));
  if (choice.states) write_list(writer, *choice.states);
  if (!choice.skip.empty()) write_list(writer, choice.skip);
}

bool read_choice(Reader& reader, const Limits& limits, SyncOptions& out) {
  out = {};
  const std::uint8_t flags = reader.u8("choice.flags");
  if ((flags & ~known_flags) != 0) reader.fail(Fault::value, "choice.flags");
  out.shallow = (flags & shallow) != 0;
  out.schema = (flags & without_schema) == 0;
  out.log = (flags & with_log) != 0;
  if ((flags & has_states) != 0) read_list(reader, limits, "choice.states", out.states.emplace());
  if ((flags & has_skip) != 0) {
    read_list(reader, limits, "choice.skip", out.skip);
    if (out.skip.empty()) reader.fail(Fault::value, "choice.skip");
  }
  if (!reader.ok()) out = {};
  return reader.ok();
}

bool is_default(const SyncOptions& choice) noexcept {
  return !choice.states && choice.skip.empty() && !choice.shallow && choice.schema && !choice.log;
}

ResolvedChoice resolve(const SyncOptions& choice, std::span<const std::string_view> names) {
  if (choice.log && choice.shallow) {
    return {{}, "a log of transitions needs ticks that are not shallow"};
  }
  std::unordered_map<std::string_view, StateIndex> positions;
  for (std::size_t i = 0; i < names.size(); ++i) {
    positions.emplace(names[i], static_cast<StateIndex>(i));
  }
  std::vector<bool> wanted(names.size(), !choice.states);
  ResolvedChoice resolved;
  const auto mark = [&](const std::vector<std::string>& list, bool value) {
    for (const auto& name : list) {
      const auto found = positions.find(name);
      if (found == positions.end()) {
        resolved.error =
            fmt::format("the machine has no state \"{}\" to {}", name, value ? "follow" : "skip");
        return false;
      }
      wanted[found->second] = value;
    }
    return true;
  };
  if (choice.states && !mark(*choice.states, true)) return resolved;
  if (!mark(choice.skip, false)) return resolved;
  std::vector<StateIndex> tracked;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i]) tracked.push_back(static_cast<StateIndex>(i));
  }
  resolved.filter.emplace(names.size(), tracked, choice.shallow ? Depth::shallow : Depth::deep);
  return resolved;
}

void write_names(Writer& writer, const ClockFilter& filter,
                 std::span<const std::string_view> names) {
  writer.varint(filter.states());
  writer.varint(filter.tracked());
  std::size_t expected = 0;
  for (std::size_t i = 0; i < filter.states(); ++i) {
    if (!filter.tracks(static_cast<StateIndex>(i))) continue;
    writer.varint(i - expected);
    writer.text(names[i]);
    expected = i + 1;
  }
}

bool read_names(Reader& reader, const Limits& limits, std::size_t& states,
                std::vector<NamedState>& out) {
  out.clear();
  states = reader.varint("names.states", limits.states);
  const std::size_t count = reader.count("names", states, 2);
  std::size_t expected = 0;
  for (std::size_t i = 0; i < count && reader.ok(); ++i) {
    const std::size_t index = expected + reader.varint("names.index", limits.states);
    const std::string_view name = reader.text("names.name", max_state_name);
    if (index >= states) reader.fail(Fault::value, "names.index");
    if (!reader.ok()) break;
    out.push_back({static_cast<StateIndex>(index), std::string{name}});
    expected = index + 1;
  }
  if (!reader.ok()) out.clear();
  return reader.ok();
}

}  // namespace am::rpc::internal
