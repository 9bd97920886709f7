#include <am/internal/evaluation.hpp>

#include <am/detail/deadline.hpp>
#include <am/error.hpp>
#include <am/internal/drain_scope.hpp>
#include <am/internal/extras.hpp>

#include <fmt/format.h>

#include <memory>
#include <utility>

namespace am::internal {

void Evaluation::go_to(Stage stage) {
  const std::lock_guard lock(mutex_);
  stage_ = stage;
  changed_.notify_all();
}

void Evaluation::run() {
  {
    const std::lock_guard lock(mutex_);
    if (stage_ != Stage::waiting) return;
    stage_ = Stage::running;
  }
  try {
    (*fn_)();
  } catch (...) {
    go_to(Stage::ran);
    throw;
  }
  go_to(Stage::ran);
}

bool Evaluation::wait(std::chrono::steady_clock::time_point deadline,
                      const std::stop_token& scope) {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, scope, deadline, [&] { return stage_ != Stage::waiting; });
  if (stage_ == Stage::waiting) stage_ = Stage::given_up;
  changed_.wait(lock, [&] { return stage_ != Stage::running; });
  return stage_ == Stage::ran;
}

void Evaluation::done(Result) {
  const std::lock_guard lock(mutex_);
  if (stage_ != Stage::waiting) return;
  stage_ = Stage::given_up;
  changed_.notify_all();
}

}  // namespace am::internal

namespace am::detail {

using internal::Evaluation;
using internal::Frame;
using internal::FrameLease;

bool LocalCore::eval(const std::function<void()>& fn, std::stop_token scope, Duration limit) {
  if (!fn) throw Error(Errc::invalid_argument, "eval: an empty function was passed");
  // The drainer would wait for this thread, which would wait for the drainer.
  if (in_drain() || scope.stop_requested()) return false;
  const auto deadline = deadline_after(std::chrono::steady_clock::now(), limit.get());
  const auto evaluation = std::make_shared<Evaluation>(fn);
  const FrameLease lease;
  auto& mutation = (*lease).mutation;
  mutation.called.clear();
  mutation.args = {};
  mutation.check = mutation.eval = mutation.is_root = true;
  mutation.automatic = false;
  mutation.expires = never;
  mutation.source = {};
  mutation.completion = evaluation;
  // A machine that is gone takes nothing into its queue, and would drop nothing from it.
  if (enter(*lease, false) == Result::canceled) return false;
  if (evaluation->wait(deadline, scope)) return true;
  if (scope.stop_requested()) {
    log(LogLevel::decisions, [] { return "[eval:ctxdone] its scope has ended"; });
  } else if (!queue_.closed()) {
    const auto waited = std::chrono::ceil<std::chrono::milliseconds>(limit.get()).count();
    log(LogLevel::operations, [&] { return fmt::format("[eval:timeout] busy for {} ms", waited); });
    tell_internal_error(
        {fmt::format("eval timeout: machine \"{}\" was busy for {} ms", id(), waited), "eval"});
  }
  return false;
}

/// By the drainer. What the function throws becomes an Exception.
void LocalCore::run_evaluation(Frame& frame, DrainScope& scope) {
  log(LogLevel::operations, [] { return "[eval] between transitions"; });
  const auto completion = std::move(frame.mutation.completion);
  scope.completion = nullptr;
  try {
    static_cast<Evaluation&>(*completion).run();
  } catch (...) {
    auto info = error_info(std::current_exception(), "eval");
    store_error(info);
    failure_ = std::make_unique<ErrorInfo>(std::move(info));
  }
  log(LogLevel::everything, [] { return "[eval:end] back to the queue"; });
  frame.mutation.eval = false;
  frame.automatic = true;
  if (failure_ != nullptr) run_followups(frame, scope);  // else there is no transition to follow
  scope.transition = nullptr;
  frame.mutation.source = {};
  completion->one_ended();
}

}  // namespace am::detail
