#include <am/helpers/internal/insist.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <utility>

namespace am::internal {

namespace {

/// How long a machine is left alone that recovers from a handler.
constexpr auto recovery_pause = std::chrono::milliseconds{100};
/// How often a mutation may time out: its own handlers are to blame when it does so each time.
constexpr int most_timeouts = 3;

struct Insistence {
  std::function<Pending<Result>(Api&)> mutate;
  std::function<void(Result)> done;
  int timeouts = 0;
};

void attempt(Api machine, const std::shared_ptr<Insistence>& wanted);

/// Keeps only `wanted`, as the timers may be the machine's.
void attempt_later(const Api& machine, const std::shared_ptr<Insistence>& wanted) {
  const auto timers = machine.core()->timers();
  timers->at(timers->now() + recovery_pause, [weak = std::weak_ptr(machine.core()), wanted] {
    if (auto core = weak.lock()) {
      attempt(Api(std::move(core)), wanted);
    } else if (wanted->done) {
      wanted->done({Result::canceled, Reason::disposed});
    }
  });
}

void attempt(Api machine, const std::shared_ptr<Insistence>& wanted) {
  const auto pending = wanted->mutate(machine);
  pending.then([machine, wanted](Result result) {
    const auto reason = result.reason();
    if (reason == Reason::queue_full) {
      machine.when_queue_ends().then([machine, wanted] { attempt(machine, wanted); });
    } else if (reason == Reason::backoff ||
               (reason == Reason::timeout && ++wanted->timeouts < most_timeouts)) {
      attempt_later(machine, wanted);
    } else if (wanted->done) {
      wanted->done(result);
    }
  });
}

}  // namespace

void insist(Api machine, std::function<Pending<Result>(Api&)> mutate,
            std::function<void(Result)> done) {
  attempt(std::move(machine),
          std::make_shared<Insistence>(Insistence{std::move(mutate), std::move(done)}));
}

}  // namespace am::internal
