#include <am/log.hpp>

#include <am/error.hpp>
#include <am/internal/log_tracer.hpp>
#include <am/machine.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <variant>

namespace am {

const char* to_string(LogLevel level) noexcept {
  switch (level) {
    case LogLevel::nothing: return "nothing";
    case LogLevel::external: return "external";
    case LogLevel::changes: return "changes";
    case LogLevel::operations: return "ops";
    case LogLevel::decisions: return "decisions";
    case LogLevel::everything: return "everything";
  }
  return "?";
}

LogLevel log_level_from_environment() {
  const char* const text = std::getenv("AM_LOG");
  if (text == nullptr || *text == '\0') return LogLevel::nothing;
  if (text[0] < '0' || text[0] > '5' || text[1] != '\0') {
    throw Error(Errc::invalid_argument,
                fmt::format("AM_LOG is \"{}\": it has to be a number from 0 (nothing) to 5 "
                            "(everything)",
                            truncated(text, 20)));
  }
  return static_cast<LogLevel>(text[0] - '0');
}

// -- arguments ------------------------------------------------------------------------------

std::string truncated(std::string_view text, std::size_t max_length) {
  if (text.size() <= max_length) return std::string(text);
  if (max_length < 5) return std::string(text.substr(0, max_length));
  return std::string(text.substr(0, max_length - 3)) + "...";
}

std::vector<std::string> ArgsMapper::common_names() {
  return {"name", "id", "port", "addr", "err", "path", "url", "uri"};
}

ArgsMapper::ArgsMapper(std::vector<std::string> names, std::size_t max_length)
    : names_(std::move(names)), max_length_(max_length) {}

ArgsMapper::Shown ArgsMapper::map(const Args& args) const {
  Shown shown;
  for (const auto& [name, value] : args.named()) {
    if (std::ranges::find(names_, name) == names_.end()) continue;
    const auto text = std::visit([](const auto& v) { return fmt::format("{}", v); }, value);
    shown.emplace_back(name, truncated(text, max_length_));
  }
  for (const auto& value : args.typed()) {
    for (const auto& typed : typed_) {
      if (typed.type != value.type) continue;
      shown.emplace_back(typed.name, truncated(typed.text(value.value.get()), max_length_));
    }
  }
  std::ranges::sort(shown);
  return shown;
}

std::string ArgsMapper::text(const Args& args) const {
  if (args.empty()) return {};
  std::string text;
  for (const auto& [name, value] : map(args)) {
    fmt::format_to(std::back_inserter(text), "{}{}={}", text.empty() ? " (" : " ", name, value);
  }
  if (!text.empty()) text += ')';
  return text;
}

TracerId attach_log(Machine& machine, LogOptions options) {
  return machine.trace(std::make_shared<internal::LogTracer>(machine.id(), std::move(options)));
}

}  // namespace am
