#include <am/snapshot.hpp>

#include <am/error.hpp>
#include <am/schema.hpp>

#include <fmt/format.h>

#include <charconv>
#include <cstdint>
#include <iterator>
#include <limits>
#include <optional>
#include <unordered_set>

namespace am {

namespace {

constexpr std::string_view title = "am-snapshot 2";

bool printable(char c) noexcept { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; }

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (printable(c) && c != '\\') {
      out += c;
    } else {
      fmt::format_to(std::back_inserter(out), "\\{:02x}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::optional<std::string> unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      if (!printable(text[i])) return std::nullopt;
      out += text[i];
      continue;
    }
    unsigned value = 0;
    const auto digits = text.substr(i + 1, 2);
    const auto* const end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, value, 16);
    if (digits.size() != 2 || error != std::errc() || stop != end) return std::nullopt;
    out += static_cast<char>(static_cast<unsigned char>(value));
    i += 2;
  }
  return out;
}

class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool at_end() const noexcept { return rest_.empty(); }

  std::string_view line() {
    ++number_;
    const auto end = rest_.find('\n');
    if (end == std::string_view::npos) fail("ends without a newline");
    const auto line = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return line;
  }
  /// The part after `label` and a space.
  std::string_view labelled(std::string_view label) {
    const auto text = line();
    if (!text.starts_with(label) || text.size() == label.size() || text[label.size()] != ' ') {
      fail(fmt::format("has to be \"{} ...\"", label));
    }
    return text.substr(label.size() + 1);
  }
  std::uint64_t number(std::string_view text, std::uint64_t most) {
    std::uint64_t value = 0;
    const auto* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (text.empty() || error != std::errc() || stop != end || value > most) {
      fail(fmt::format("needs a number up to {}", most));
    }
    return value;
  }
  [[noreturn]] void fail(std::string_view rule) const {
    throw Error(Errc::invalid_argument,
                fmt::format("this is no snapshot that to_text() wrote: line {} {}", number_, rule));
  }

 private:
  std::string_view rest_;
  std::size_t number_ = 0;
};

bool is_name(std::string_view text) noexcept {
  if (text.empty() || text.size() > max_state_name) return false;
  for (const char c : text) {
    if (!printable(c) || c == ' ') return false;
  }
  return true;
}

}  // namespace

std::string Snapshot::to_text() const {
  auto text = fmt::format("{}\nid {}\nqueue_tick {}\nmachine_tick {}\nstates {}\n", title,
                          escaped(id), queue_tick.value, machine_tick.value, names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    fmt::format_to(std::back_inserter(text), "{} {}\n", names[i], time[i].value);
  }
  return text;
}

Snapshot Snapshot::from_text(std::string_view text) {
  Reader reader(text);
  if (text.size() > max_text) reader.fail(fmt::format("follows more than {} bytes", max_text));
  constexpr auto any = std::numeric_limits<std::uint64_t>::max();
  Snapshot snapshot;
  if (reader.line() != title) reader.fail(fmt::format("has to be \"{}\"", title));
  auto id = unescaped(reader.labelled("id"));
  if (!id) reader.fail("has a character that is not escaped as \\hh");
  snapshot.id = std::move(*id);
  snapshot.queue_tick = QueueTick{reader.number(reader.labelled("queue_tick"), any)};
  snapshot.machine_tick = MachineTick{reader.number(reader.labelled("machine_tick"),
                                                    std::numeric_limits<std::uint32_t>::max() - 1)};
  const auto states = reader.number(reader.labelled("states"), max_states);
  std::unordered_set<std::string_view> seen;
  while (!reader.at_end()) {
    const auto line = reader.line();
    const auto space = line.find(' ');
    const auto name = line.substr(0, space);
    if (space == std::string_view::npos || !is_name(name)) {
      reader.fail("has to be a state's name, a space and a tick");
    }
    if (!seen.insert(name).second) reader.fail("names a state that was named before");
    if (seen.size() > states) reader.fail(fmt::format("is beyond the {} states", states));
    snapshot.names.emplace_back(name);
    snapshot.time.ticks.emplace_back(reader.number(line.substr(space + 1), any));
  }
  if (seen.size() < states) reader.fail(fmt::format("is the last one: of {} states", states));
  return snapshot;
}

}  // namespace am
