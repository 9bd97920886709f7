// The handlers of the pipeline: what happens when its states come and go.
#pragma once

#include "pipeline_states.hpp"
#include "worker/file_task.hpp"
#include "worker/output_folder.hpp"
#include "worker/thread_pool.hpp"

#include <am/machine.hpp>

#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

namespace file_pipeline {

/// Argument of FileFound.
struct FoundFile {
  std::filesystem::path path;
};

/// Argument of the states that a file goes through. It is passed on from thread to machine to
/// thread, so one of them has it at a time.
struct FileAtWork {
  std::shared_ptr<FileTask> task;
};

/// Argument of Refused.
struct Refusal {
  std::filesystem::path path;
  std::string reason;
};

/// Numbers of a job that are not counted by clocks.
struct JobTotals {
  std::uint64_t bytes = 0;             ///< of verified files
  std::uint64_t compressed_bytes = 0;  ///< of verified files
};

struct PipelineHooks {
  /// Is told of each file that is refused or fails, and of a folder that cannot be read.
  std::function<void(std::string line)> log;
  /// Is told of each job that is finished. Both are called by handlers, so they must not block.
  std::function<void(const JobTotals& totals)> report;
};

/// Handlers run one at a time and must not block, so the members need no lock, and all work on
/// files is posted to threads. A thread does one step for one file and adds the state that says
/// how it went; that state's handler posts the next step.
class PipelineHandlers {
 public:
  /// `pool` must outlive the machine that these are bound to.
  PipelineHandlers(ThreadPool& pool, PipelineHooks hooks);

  // -- the job ------------------------------------------------------------------------------------

  bool JobEnter(am::Event& e);  ///< refuses what breaks a limit, or comes while the last one cleans
  bool JobJob(am::Event& e);    ///< refuses a second job
  void JobState(am::Event& e);
  void JobEnd(am::Event& e);
  void OutputState(am::Event& e);
  bool CleaningUpEnter(am::Event&) { return at_work_ == 0; }
  void CleaningUpState(am::Event& e);
  void DiscoveringState(am::Event& e);
  void FinishedState(am::Event& e);

  // -- which files are worked on
  // -------------------------------------------------------------------- Waiting, Full and Busy say
  // in states what two members count. A mutation that was queued before the count changed again
  // must not win: each of these asks when it runs.

  void FileFoundState(am::Event& e);
  bool WaitingExit(am::Event&) { return backlog_.empty(); }
  bool StartingEnter(am::Event&) {
    return output_ != nullptr && !backlog_.empty() && at_work_ < order_.at_once;
  }
  void StartingState(am::Event& e);
  bool FullEnter(am::Event&) { return at_work_ >= order_.at_once; }
  bool BusyExit(am::Event&) { return at_work_ == 0; }

  // -- the way of one file
  // ----------------------------------------------------------------------------

  bool OpenedEnter(am::Event& e);  ///< refuses what cannot be read
  void OpenedState(am::Event& e);
  void DigestedState(am::Event& e);
  void CompressedState(am::Event& e);
  void VerifiedState(am::Event& e);
  void RefusedState(am::Event& e);
  void DroppedState(am::Event& e);
  void ErrFileState(am::Event& e);
  void ErrFolderState(am::Event& e);

  AM_HANDLERS(Pipeline, JobEnter, JobJob, JobState, JobEnd, OutputState, CleaningUpEnter,
              CleaningUpState, DiscoveringState, FinishedState, FileFoundState, WaitingExit,
              StartingEnter, StartingState, FullEnter, BusyExit, OpenedEnter, OpenedState,
              DigestedState, CompressedState, VerifiedState, RefusedState, DroppedState,
              ErrFileState, ErrFolderState)

 private:
  using Step = void (FileTask::*)(std::stop_token);

  /// Posts a step of a file. It adds `next` when it is done, Dropped or ErrFile otherwise.
  void post_step(am::Api machine, FileAtWork file, Step step, am::StateId next);
  /// A file is done with, one way or another.
  void settle(am::Api machine);
  void log_error(am::Event& e);

  ThreadPool& pool_;
  PipelineHooks hooks_;

  JobOrder order_{};
  std::stop_token job_going_on_{};  ///< stopped when Job ends
  std::shared_ptr<OutputFolder> output_{};
  std::deque<std::filesystem::path> backlog_{};  ///< found, not started
  std::uint32_t at_work_ = 0;                    ///< started, not settled
  std::uint64_t started_ = 0;
  std::uint64_t opened_bytes_ = 0;
  JobTotals totals_{};
};

}  // namespace file_pipeline
