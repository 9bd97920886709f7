#include "client/run_job.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <optional>

namespace file_pipeline {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Kind = JobOutcome::Kind;
using P = Pipeline;

/// Takes the job off the worker, and waits until all of it is cleaned up there.
void take_off(am::rpc::RemoteMachine& worker) {
  worker.remove(P::Job);
  worker.when_not(P::Output).wait_for(10s);
}

/// Adds Job. Returns why it does not run, or nothing.
std::optional<JobOutcome> begin(am::rpc::RemoteMachine& worker, const JobOrder& order) {
  // A client that was killed may have left its finished job behind.
  if (worker.is(P::Finished)) take_off(worker);

  const am::Result result = worker.add(P::Job, order);
  if (result == am::Result::executed) return std::nullopt;
  if (result != am::Result::canceled) {
    return JobOutcome{.kind = Kind::lost,
                      .message = fmt::format("the worker does not answer ({})", result)};
  }
  const bool busy = worker.any({P::Job, P::Output});
  return JobOutcome{.kind = Kind::not_begun,
                    .message = busy ? "the worker is busy with another job"
                                    : fmt::format("the worker refuses the job ({})", result)};
}

/// Shows progress until the job ends in whatever way.
JobOutcome follow(am::rpc::RemoteMachine& worker, const Counts& before,
                  std::chrono::seconds patience, const std::stop_token& cancel) {
  JobOutcome outcome;
  Progress progress(stdout);
  const am::Wait finished = worker.when(P::Finished);
  am::Time last_time = worker.time();
  auto last_change = Clock::now();
  while (true) {
    const am::Ended ended = finished.wait_for(100ms, cancel);

    // All of this is answered here, from the clocks that the worker pushes.
    outcome.counts = read_counts(worker) - before;
    progress.show(outcome.counts, worker.is_not(P::Discovering));

    if (ended == am::Ended::fired) {
      const bool good = worker.is(P::Done) && outcome.counts.failed == 0;
      outcome.kind = good ? Kind::done : Kind::failed;
      if (worker.is(P::ErrFolder)) {
        outcome.message =
            "the worker cannot read the folder, or make one for its output; it says why itself";
      } else if (!good) {
        outcome.message = fmt::format("{} of {} files failed; the worker says why itself",
                                      outcome.counts.failed, outcome.counts.found);
      }
      return outcome;
    }
    if (ended == am::Ended::stopped) {
      outcome.kind = Kind::canceled;
      outcome.message = fmt::format("canceled after {} of {} files", outcome.counts.settled(),
                                    outcome.counts.found);
      return outcome;
    }
    if (ended != am::Ended::timeout || !worker.connected()) {
      outcome.message =
          fmt::format("lost the worker after {} of {} files ({})", outcome.counts.settled(),
                      outcome.counts.found, worker.link_error());
      return outcome;
    }
    if (worker.is_not(P::Job)) {
      outcome.kind = Kind::failed;
      outcome.message = "the job was taken off the worker";
      return outcome;
    }
    if (am::Time time = worker.time(); time != last_time) {
      last_time = std::move(time);
      last_change = Clock::now();
    } else if (Clock::now() - last_change > patience) {
      // A large file may well take longer than that: a question that changes nothing tells.
      if (const am::Result result = worker.can_remove(P::Job); result == am::Result::unknown) {
        outcome.message = fmt::format("the worker does not answer any more ({})", result);
        return outcome;
      }
      last_change = Clock::now();
    }
  }
}

}  // namespace

JobOutcome run_job(am::rpc::RemoteMachine& worker, const JobOrder& order,
                   std::chrono::seconds patience, std::stop_token cancel) {
  const Counts before = read_counts(worker);
  const auto start = Clock::now();
  if (auto refused = begin(worker, order)) return *std::move(refused);

  JobOutcome outcome = follow(worker, before, patience, cancel);
  outcome.time = Clock::now() - start;
  if (outcome.kind != Kind::lost) take_off(worker);
  return outcome;
}

}  // namespace file_pipeline
