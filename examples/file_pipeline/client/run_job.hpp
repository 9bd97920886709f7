// One job at a worker, from the order to the end.
#pragma once

#include "client/progress.hpp"
#include "pipeline_states.hpp"

#include <am/rpc/client.hpp>

#include <chrono>
#include <stop_token>
#include <string>

namespace file_pipeline {

struct JobOutcome {
  enum class Kind { done, failed, canceled, not_begun, lost };

  Kind kind = Kind::lost;
  std::string message{};  ///< what to tell the user, unless it is done
  Counts counts{};
  std::chrono::duration<double> time{};
};

/// Starts a job, shows its progress until it is finished, and takes it off the worker. Never hangs:
/// when nothing moved for `patience`, the worker is asked whether it is still there. When `cancel`
/// is triggered the job is canceled.
JobOutcome run_job(am::rpc::RemoteMachine& worker, const JobOrder& order,
                   std::chrono::seconds patience, std::stop_token cancel);

}  // namespace file_pipeline
