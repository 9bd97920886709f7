#include <am/executor.hpp>

#include <am/internal/local_core.hpp>
#include <am/internal/run_completions.hpp>
#include <am/thread_executor.hpp>

#include <utility>

namespace am {

namespace internal {

namespace {

/// How deeply completions may cause one another on one stack.
constexpr int max_nesting = 8;

thread_local int nesting = 0;

}  // namespace

void run_completions(std::vector<std::function<void()>> completions) noexcept {
  if (nesting == max_nesting) {
    for (auto& fn : completions) completion_executor()->post(std::move(fn));
    return;
  }
  ++nesting;
  for (auto& fn : completions) {
    fn();
    fn = nullptr;
  }
  --nesting;
}

}  // namespace internal

namespace {

class InlineExecutor final : public Executor {
 public:
  void post(std::function<void()> fn) override {
    if (detail::LocalCore::defer(fn)) return;
    std::vector<std::function<void()>> one;
    one.push_back(std::move(fn));
    internal::run_completions(std::move(one));
  }
};

}  // namespace

// Neither is ever destroyed: static objects of the program may wait for machines to the very end.

const std::shared_ptr<Executor>& inline_executor() {
  static const auto& executor = *new std::shared_ptr<Executor>(std::make_shared<InlineExecutor>());
  return executor;
}

const std::shared_ptr<Executor>& completion_executor() {
  static const auto& executor = *new std::shared_ptr<Executor>(std::make_shared<ThreadExecutor>());
  return executor;
}

}  // namespace am
