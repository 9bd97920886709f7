// Mutations whose outcome is told later.
#include <am/internal/local_core.hpp>

#include <utility>

namespace am::detail {

namespace {

class Teller final : public internal::Completion {
 public:
  explicit Teller(std::shared_ptr<PendingState<Result>> pending) : pending_(std::move(pending)) {}

 protected:
  void done(Result result) override { pending_->end(result); }

 private:
  std::shared_ptr<PendingState<Result>> pending_;
};

}  // namespace

void LocalCore::mutate_async(Operation operation, const StateList& states, Args args,
                             const MutationOptions& options,
                             std::shared_ptr<PendingState<Result>> pending) {
  std::vector<StateIndex> called;
  board().indexes_of(states, called);
  const auto result =
      submit(operation, called, std::move(args), std::make_shared<Teller>(pending), options);
  // What never got into the queue completes nothing.
  if (result != Result::queued) pending->end(result);
}

}  // namespace am::detail
