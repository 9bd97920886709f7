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

/// Of the machine's own: nobody is asked, and backoff does not hold it up. Never blocks.
Result LocalCore::mutate_itself(MutationType type, StateIndex state,
                                std::shared_ptr<PendingState<Result>> pending) {
  const internal::FrameLease lease;
  auto& mutation = (*lease).mutation;
  mutation = internal::Mutation{};
  mutation.type = type;
  mutation.called.assign(1, state);
  if (pending != nullptr) {
    mutation.completion = std::make_shared<Teller>(pending);
    mutation.is_root = true;
  }
  const auto result = enter(*lease, false);
  if (pending != nullptr && result != Result::queued) pending->end(result);
  return result;
}

}  // namespace am::detail
