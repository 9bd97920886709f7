#include <am/internal/wait_words.hpp>

#include <fmt/format.h>

#include <iterator>

namespace am::internal {

namespace {

std::string terms_words(const WaitState& wait, std::string_view event,
                        const CompiledSchema& schema) {
  const auto kind = wait.terms.empty() ? WaitTerm::Kind::active : wait.terms.front().kind;
  const auto* const word = kind == WaitTerm::Kind::active     ? "when"
                           : kind == WaitTerm::Kind::inactive ? "whenNot"
                                                              : "whenTime";
  auto text = fmt::format("[{}:{}]", word, event);
  for (const auto& term : wait.terms) {
    fmt::format_to(std::back_inserter(text), " {}", schema.names()[term.state]);
  }
  if (kind != WaitTerm::Kind::tick) return text;
  for (const auto& term : wait.terms) {
    fmt::format_to(std::back_inserter(text), " {}", term.tick);
  }
  return text;
}

}  // namespace

std::string wait_words(const WaitState& wait, std::string_view event,
                       const CompiledSchema& schema) {
  if (wait.bag == Bag::query) return fmt::format("[whenQuery:{}]", event);
  if (wait.bag == Bag::queue_end) return fmt::format("[whenQueueEnds:{}]", event);
  if (wait.bag == Bag::args) {
    return fmt::format("[whenArgs:{}] {}", event, schema.names()[wait.watched]);
  }
  if (wait.queue_tick != 0) return fmt::format("[whenQueue:{}] {}", event, wait.queue_tick);
  return terms_words(wait, event, schema);
}

std::string context_words(StateIndex state, std::string_view event, const CompiledSchema& schema) {
  return fmt::format("[ctx:{}] {}", event, schema.names()[state]);
}

}  // namespace am::internal
