#include <am/helpers/internal/insist.hpp>

#include <utility>

namespace am::internal {

void insist(Api machine, std::function<Pending<Result>(Api&)> mutate,
            std::function<void(Result)> done) {
  const auto pending = mutate(machine);
  pending.then([machine, mutate = std::move(mutate), done = std::move(done)](Result result) {
    if (result.reason() != Reason::queue_full) {
      if (done) done(result);
      return;
    }
    machine.when_queue_ends().then([machine, mutate, done] { insist(machine, mutate, done); });
  });
}

}  // namespace am::internal
