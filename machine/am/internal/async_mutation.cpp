// Mutations whose outcome is told later.
#include <am/internal/drain_threads.hpp>
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

void LocalCore::add_due(std::span<const StateIndex> states, Args args,
                        const MutationOptions& options,
                        std::shared_ptr<PendingState<Result>> pending) {
  const internal::FrameLease lease;
  auto& frame = *lease;
  auto result = Result(Result::queued);
  if (const auto refused = fill_submitted(frame, Operation::add, states, std::move(args),
                                          std::make_shared<Teller>(pending), options)) {
    result = *refused;
  } else {
    using Entry = internal::MutationQueue::Entry;
    switch (queue_.try_claim(true, frame.mutation.queue_tick)) {
      case Entry::claimed: result = drain_elsewhere(frame); break;
      case Entry::closed: result = {Result::canceled, Reason::disposed}; break;
      case Entry::busy:
        frame.elsewhere = true;  // it may have become idle meanwhile
        result = append(frame, false);
        frame.elsewhere = false;
        break;
    }
  }
  if (result != Result::queued) pending->end(result);
}

/// Leaves the drain, which this thread has just claimed, to a thread that handlers may hold up; if
/// there can be no more of these, it runs here.
Result LocalCore::drain_elsewhere(internal::Frame& frame) {
  const auto tick = QueueTick{frame.mutation.queue_tick};
  const auto mutation = std::make_shared<internal::Mutation>(std::move(frame.mutation));
  const bool taken = internal::run_on_drain_thread(
      [self = std::static_pointer_cast<LocalCore>(shared_from_this()), mutation] {
        const internal::FrameLease lease;
        (*lease).mutation = std::move(*mutation);
        self->drain(*lease);
      });
  if (taken) return {Result::queued, Reason::none, tick};
  frame.mutation = std::move(*mutation);
  return drain(frame);
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
