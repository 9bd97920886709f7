// The tracer that writes the log (spec machine 8.3 to 8.5).
#pragma once

#include <am/log.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace am::internal {

class LogTracer final : public Tracer {
 public:
  LogTracer(std::string_view machine_id, LogOptions options);

  LogLevel log_level() const noexcept override { return options_.level; }
  bool wants_steps() const noexcept override { return shows(LogLevel::operations); }

  void logged(LogLevel level, std::string_view text) override;
  void mutation_queued(const QueuedMutation& mutation) override;
  void mutation_skipped(const QueuedMutation& mutation) override;
  void transition_init(const Transition& t) override;
  void handler_start(const Transition& t, const HandlerCall& call) override;
  void handler_end(const Transition& t, const HandlerCall& call) override;
  void transition_finals(const Transition& t) override;
  void transition_end(const Transition& t) override;
  void disposed() override;

 private:
  bool shows(LogLevel level) const noexcept { return level <= options_.level; }
  template <class... T>
  void line(LogLevel level, const char* form, T&&... parts);
  void write(LogLevel level, std::string_view text);
  void tell_relations(const Transition& t);
  void tell_changes(const Transition& t);
  void tell_error(const Transition& t);

  const LogOptions options_;
  const std::string prefix_;
  /// `add A B`: the mutation in which a handler threw last. By the drainer.
  std::string failed_{};
};

}  // namespace am::internal
