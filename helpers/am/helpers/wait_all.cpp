#include <am/helpers/wait_all.hpp>

#include <am/error.hpp>
#include <am/helpers/internal/joint.hpp>

#include <atomic>
#include <utility>

namespace am {

namespace {

class Several final : public internal::Joint<Waited> {
 public:
  using Joint::Joint;
  std::atomic<std::size_t> left{0};
};

enum class Decides { all, first };

MachineError error_of(const Api& machine) {
  return {machine.id(), machine.last_error().value_or(ErrorInfo{.message = "unknown error"})};
}

void watch(const std::shared_ptr<Several>& several, const Wait& wait, std::size_t place,
           Decides decides) {
  several->keep(wait.then(internal::DirectExecutor::instance(),
                          [weak = std::weak_ptr(several), place, decides](Ended how) {
                            const auto self = weak.lock();
                            if (self == nullptr) return;
                            const bool last = self->left.fetch_sub(1) == 1;
                            if (last || how != Ended::fired || decides == Decides::first) {
                              self->decide({.ended = how, .place = place});
                            }
                          }));
}

void watch_errors(const std::shared_ptr<Several>& several, const Api& machine, std::size_t place) {
  several->keep(machine.when_error().then(
      internal::DirectExecutor::instance(),
      [weak = std::weak_ptr(several), machine, place](Ended how) {
        const auto self = weak.lock();
        if (self == nullptr) return;
        if (how == Ended::fired) {
          self->decide({.ended = how, .place = place, .error = error_of(machine)});
        } else {  // it cannot tell of errors any more
          self->decide({.ended = how, .place = place});
        }
      }));
}

std::shared_ptr<Several> start(const std::vector<Wait>& waits, const WaitOptions& options,
                               Decides decides) {
  auto several = std::make_shared<Several>(internal::deciding_core(waits, options.errors_of));
  several->left = waits.size();
  // Errors first: one that is there already counts more than waits that hold already.
  for (std::size_t i = 0; i < options.errors_of.size(); ++i) {
    watch_errors(several, options.errors_of[i], i);
  }
  for (std::size_t i = 0; i < waits.size(); ++i) watch(several, waits[i], i, decides);
  if (waits.empty()) several->decide({});
  return several;
}

Pending<Waited> begin(const std::vector<Wait>& waits, const WaitOptions& options, Decides decides) {
  auto several = start(waits, options, decides);
  auto timers = options.limits.timers;
  if (timers == nullptr) {
    const auto core = internal::deciding_core(waits, options.errors_of);
    timers = core != nullptr ? core->timers() : system_timers();
  }
  several->limit(options.limits, timers, several, [](Ended how) { return Waited{.ended = how}; });
  return Pending<Waited>(std::move(several));
}

Waited block(const std::vector<Wait>& waits, const WaitOptions& options, Decides decides) {
  const auto deadline = options.limits.deadline();
  const auto several = start(waits, options, decides);
  const Pending<Waited> pending(several);
  if (!pending.done()) {
    internal::check_may_block(waits);
    for (const auto& machine : options.errors_of) machine.core()->check_may_block();
  }
  if (auto waited = pending.get_until(deadline, options.limits.stop)) return *waited;
  const bool stopped = options.limits.stop.stop_requested();
  return {.ended = stopped ? Ended::stopped : Ended::timeout};
}

void check_any(const std::vector<Wait>& waits, const char* function) {
  if (waits.empty()) {
    throw Error(Errc::invalid_argument, std::string(function) + ": needs at least one wait");
  }
}

}  // namespace

Pending<Waited> when_all(std::vector<Wait> waits, WaitOptions options) {
  return begin(waits, options, Decides::all);
}

Waited wait_all(std::vector<Wait> waits, WaitOptions options) {
  return block(waits, options, Decides::all);
}

Pending<Waited> when_first(std::vector<Wait> waits, WaitOptions options) {
  check_any(waits, "when_first");
  return begin(waits, options, Decides::first);
}

Waited wait_any(std::vector<Wait> waits, WaitOptions options) {
  check_any(waits, "wait_any");
  return block(waits, options, Decides::first);
}

Pending<Ended> pause(Duration duration, std::stop_token stop, std::shared_ptr<Timers> timers) {
  if (timers == nullptr) timers = system_timers();
  auto joint = std::make_shared<internal::Joint<Ended>>(nullptr);
  // A pause that ends by its time has done what it was for.
  joint->limit({.timeout = duration, .stop = std::move(stop)}, timers, joint,
               [](Ended how) { return how == Ended::timeout ? Ended::fired : how; });
  return Pending<Ended>(std::move(joint));
}

}  // namespace am
