#include <am/step.hpp>

#include <fmt/format.h>

#include <string_view>

namespace am {

const char* to_string(Step::Type type) noexcept {
  switch (type) {
    case Step::Type::relation: return "rel";
    case Step::Type::handler: return "handler";
    case Step::Type::activate: return "activate";
    case Step::Type::deactivate: return "deactivate";
    case Step::Type::deactivate_passive: return "deactivate-passive";
    case Step::Type::called: return "called";
    case Step::Type::cancel: return "cancel";
  }
  return "?";
}

namespace {

const char* suffix(HandlerKind kind) noexcept {
  switch (kind) {
    case HandlerKind::exit: return "Exit";
    case HandlerKind::enter:
    case HandlerKind::any_enter: return "Enter";
    case HandlerKind::end: return "End";
    case HandlerKind::state:
    case HandlerKind::any_state: return "State";
    case HandlerKind::self:
    case HandlerKind::pair: return "";
  }
  return "";
}

}  // namespace

std::string to_string(const Step& step, const CompiledSchema& schema) {
  const auto name = [&](StateIndex state) -> std::string_view {
    return state < schema.size() ? schema.names()[state] : std::string_view("Any");
  };
  if (step.type == Step::Type::relation) {
    return fmt::format("**{}** {} **{}**", name(step.from), to_string(step.relation),
                       name(step.to));
  }
  const auto about = step.to != Step::none ? step.to : step.from;
  if (step.type != Step::Type::handler) {
    return fmt::format("{} **{}**", to_string(step.type), name(about));
  }
  switch (step.handler) {
    case HandlerKind::self: return fmt::format("handler **{0}****{0}**", name(step.to));
    case HandlerKind::pair:
      return fmt::format("handler **{}****{}**", name(step.from), name(step.to));
    default: return fmt::format("handler **{}**{}", name(about), suffix(step.handler));
  }
}

}  // namespace am
