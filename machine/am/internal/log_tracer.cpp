#include <am/internal/log_tracer.hpp>

#include <am/error_info.hpp>
#include <am/internal/lost_lines.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <iterator>
#include <map>
#include <span>
#include <system_error>

namespace am::internal {

namespace {

using enum LogLevel;

std::string names(const CompiledSchema& schema, std::span<const StateIndex> states) {
  std::string text;
  for (const auto s : states) {
    if (!text.empty()) text += ' ';
    text += schema.names()[s];
  }
  return text;
}

bool has(std::span<const StateIndex> list, StateIndex state) {
  return std::ranges::find(list, state) != list.end();
}

}  // namespace

LogTracer::LogTracer(std::string_view machine_id, LogOptions options)
    : options_(std::move(options)),
      prefix_(options_.prefix == LogPrefix::none ? std::string()
                                                 : fmt::format("[{}] ", machine_id.substr(0, 5))) {}

void LogTracer::write(LogLevel level, std::string_view text) {
  std::string line = prefix_;
  line += text;
  if (options_.sink) {
    write_line([&] { options_.sink(level, line); });
    return;
  }
  line += '\n';
  // Whole lines, also from several threads.
  if (std::fwrite(line.data(), 1, line.size(), stdout) != line.size()) {
    tell_lost_lines("standard output: " + std::generic_category().message(errno));
  }
}

template <class... T>
void LogTracer::line(LogLevel level, const char* form, T&&... parts) {
  if (shows(level)) write(level, fmt::format(fmt::runtime(form), std::forward<T>(parts)...));
}

void LogTracer::logged(LogLevel level, std::string_view text) {
  if (shows(level)) write(level, text);
}

void LogTracer::disposed() { line(everything, "[end] disposed"); }

// -- queue ------------------------------------------------------------------------------------

void LogTracer::mutation_queued(const QueuedMutation& m) {
  if (!shows(operations)) return;
  const auto called = names(*m.schema, m.called);
  if (m.automatic) line(operations, "[auto] {}", called);
  const auto* const place = m.queue_tick == QueueTick{} ? "prepend" : "queue";
  line(operations, "[{}:{}] {}{}", place, to_string(m.type), called, options_.args.text(*m.args));
  if (!m.waits) return;
  line(operations, "[postpone] queue running ({} item{})", m.queue_length,
       m.queue_length == 1 ? "" : "s");
}

void LogTracer::mutation_skipped(const QueuedMutation& m) {
  if (!shows(operations)) return;
  line(operations, "[queue:skipped] Duplicate detected for [{}] {}", to_string(m.type),
       names(*m.schema, m.called));
}

// -- transitions -------------------------------------------------------------------------------

void LogTracer::transition_init(const Transition& t) {
  if (!shows(operations)) return;
  const auto level = t.automatic ? decisions : operations;
  if (shows(level)) {
    line(level, "[{}{}] {}{}", to_string(t.type), t.automatic ? ":auto" : "",
         names(*t.schema, t.called), options_.args.text(*t.args));
  }
  if (const auto& from = t.source; !from.empty()) {
    line(operations, "[source] {}/{}/{}", from.machine, from.transition, from.time);
  }
  tell_relations(t);
}

void LogTracer::tell_relations(const Transition& t) {
  std::vector<StateIndex> implied;
  std::map<StateIndex, std::vector<StateIndex>> unmet;  // in index order
  std::vector<Step> blocked;
  std::vector<StateIndex> rejected;
  for (std::size_t i = 0; i < t.steps.size(); ++i) {
    const auto& step = t.steps[i];
    if (step.type == Step::Type::relation && step.relation == Relation::add) {
      if (!has(implied, step.to)) implied.push_back(step.to);
    } else if (step.type == Step::Type::relation && step.relation == Relation::remove) {
      blocked.push_back(step);
    } else if (step.type == Step::Type::deactivate_passive && step.from != Step::none) {
      auto& missing = unmet[step.from];  // the requirement stands in the step before
      if (!has(missing, t.steps[i - 1].to)) missing.push_back(t.steps[i - 1].to);
    }
  }
  if (!implied.empty()) line(operations, "[implied] {}", names(*t.schema, implied));
  if (!unmet.empty()) {
    std::string text;
    for (const auto& [state, missing] : unmet) {
      fmt::format_to(std::back_inserter(text), " {}(", t.name(state));
      for (const auto m : missing) {
        fmt::format_to(std::back_inserter(text), "{}-{}", m == missing.front() ? "" : " ",
                       t.name(m));
      }
      text += ')';
    }
    line(t.automatic ? decisions : operations, "[reject{}]{}", t.automatic ? ":auto" : "", text);
  }
  for (const auto& step : blocked) {
    line(has(t.before, step.to) ? operations : decisions, "[rel:remove] {} by {}", t.name(step.to),
         t.name(step.from));
  }
  if (t.accepted) return;
  std::ranges::copy_if(t.called, std::back_inserter(rejected),
                       [&](StateIndex s) { return !has(t.targets, s); });
  line(operations, "[cancel:reject] {}", names(*t.schema, rejected));
}

void LogTracer::handler_start(const Transition&, const HandlerCall& call) {
  line(everything, "[handle:{}] {}", call.binding.value, call.name);
  line(operations, "[handler:{}] {}", call.number, call.name);
}

void LogTracer::handler_end(const Transition& t, const HandlerCall& call) {
  line(everything, "[handler:end] {} from {}", call.name, call.number);
  if (!shows(operations)) return;
  const auto targets = [&] { return names(*t.schema, t.targets); };
  switch (call.outcome) {
    case HandlerCall::Outcome::running:
    case HandlerCall::Outcome::accepted: break;
    case HandlerCall::Outcome::refused:
      line(operations, "[cancel{}] ({}) by {}", call.kind == HandlerKind::self ? ":self" : "",
           targets(), call.name);
      break;
    case HandlerCall::Outcome::threw:
      line(operations, "[recover] handling panic...");
      line(operations, "[cancel] ({}) by recover", targets());
      break;
    case HandlerCall::Outcome::timed_out:
      line(operations, "[cancel] ({}) by timeout", targets());
      break;
  }
}

void LogTracer::transition_finals(const Transition& t) {
  if (!shows(changes)) return;
  tell_changes(t);
  tell_error(t);
}

void LogTracer::tell_changes(const Transition& t) {
  std::string text;
  for (const auto s : t.enters) fmt::format_to(std::back_inserter(text), " +{}", t.name(s));
  for (const auto s : t.exits) fmt::format_to(std::back_inserter(text), " -{}", t.name(s));
  if (shows(everything)) {
    for (const auto s : t.targets) {
      if (!has(t.enters, s)) fmt::format_to(std::back_inserter(text), " {}", t.name(s));
    }
  }
  if (text.empty()) return;
  line(changes, "[{}]{}{}", t.automatic ? "auto_" : "state", text, options_.args.text(*t.args));
}

void LogTracer::tell_error(const Transition& t) {
  const auto exception = t.schema->find(exception_state);
  if (!exception || !has(t.enters, *exception)) return;
  const auto* const error = t.args->get_if<ErrorInfo>();
  const auto* const text =
      error == nullptr ? "missing error in the arguments" : error->message.c_str();
  if (t.queue_tick == QueueTick{} && !failed_.empty()) {
    line(changes, "[error:{} ({})", failed_, text);
  } else {
    line(changes, "[error] {}", text);
  }
}

void LogTracer::transition_end(const Transition& t) {
  failed_.clear();
  if (t.accepted || t.cancel.reason != Reason::error || !shows(changes)) return;
  failed_ = fmt::format("{}] {}", to_string(t.type), names(*t.schema, t.called));
  if (t.changes.empty()) return;
  line(operations, "[recover] partial final states as ({})", names(*t.schema, t.targets));
}

}  // namespace am::internal
