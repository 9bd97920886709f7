#include "worker/pipeline.hpp"

#include "worker/file_walk.hpp"

#include <fmt/format.h>

#include <exception>
#include <utility>

namespace file_pipeline {

PipelineHandlers::PipelineHandlers(ThreadPool& pool, PipelineHooks hooks)
    : pool_(pool), hooks_(std::move(hooks)) {}

// -- the job --------------------------------------------------------------------------------------

bool PipelineHandlers::JobEnter(am::Event& e) {
  const auto* order = e.args_if<JobOrder>();
  return order != nullptr && std::filesystem::path(order->folder).is_absolute() &&
         order->max_files >= 1 && order->max_files <= most_files && order->at_once >= 1 &&
         order->at_once <= most_at_once && e.machine().is_not(Pipeline::Output);
}

bool PipelineHandlers::JobJob(am::Event& e) { return e.args_if<JobOrder>() == nullptr; }

void PipelineHandlers::JobState(am::Event& e) {
  order_ = e.args<JobOrder>();
  job_going_on_ = e.machine().while_active(Pipeline::Job);
  started_ = 0;
  opened_bytes_ = 0;
  totals_ = {};
  e.machine().remove(am::exception_state);  // the last job's errors are not this one's
}

void PipelineHandlers::JobEnd(am::Event& e) {
  // The threads see their token stopped already. What no thread has begun is simply forgotten.
  backlog_.clear();
  e.machine().remove(Pipeline::Waiting);
}

void PipelineHandlers::OutputState(am::Event& e) {
  try {
    output_ = std::make_shared<OutputFolder>();
  } catch (...) {
    e.machine().add_error(am::error_info(std::current_exception(), "make output folder"),
                          Pipeline::ErrFolder);
  }
}

void PipelineHandlers::CleaningUpState(am::Event& e) {
  pool_.post([machine = e.machine(), folder = std::move(output_)]() mutable {
    folder.reset();
    machine.remove(Pipeline::Output);  // and CleaningUp with it, which requires it
  });
}

void PipelineHandlers::DiscoveringState(am::Event& e) {
  pool_.post([machine = e.machine(), order = e.args<JobOrder>(),
              job = e.machine().while_active(Pipeline::Job)]() mutable {
    try {
      walk(order.folder, order.max_files, job, [&](const std::filesystem::path& path) {
        const am::Result result =
            machine.add({Pipeline::FileFound, Pipeline::Waiting}, FoundFile{path});
        // A thread may wait. This one does so that at most one find is in the machine's queue.
        if (result == am::Result::queued) machine.when_queue(result.queue_tick()).wait(job);
      });
    } catch (...) {
      machine.add_error(am::error_info(std::current_exception(), "discover"), Pipeline::ErrFolder);
    }
    machine.remove(Pipeline::Discovering);
  });
}

void PipelineHandlers::FinishedState(am::Event&) { hooks_.report(totals_); }

// -- which files are worked on
// ----------------------------------------------------------------------

void PipelineHandlers::FileFoundState(am::Event& e) {
  backlog_.push_back(e.args<FoundFile>().path);
}

void PipelineHandlers::StartingState(am::Event& e) {
  am::Api machine = e.machine();
  const auto target = output_->path() / fmt::format("{:06}.gz", ++started_);
  const FileAtWork file{std::make_shared<FileTask>(std::move(backlog_.front()), target)};
  backlog_.pop_front();
  ++at_work_;
  post_step(machine, file, &FileTask::open, Pipeline::Opened);

  machine.add(Pipeline::Busy);  // first, so that Waiting or Busy keeps Done out all the time
  if (backlog_.empty()) machine.remove(Pipeline::Waiting);
  if (at_work_ >= order_.at_once) machine.add(Pipeline::Full);  // removes Starting
  machine.remove(Pipeline::Starting);  // comes back by itself when there is more to start
}

void PipelineHandlers::settle(am::Api machine) {
  --at_work_;
  machine.remove(Pipeline::Full);
  if (at_work_ == 0) machine.remove(Pipeline::Busy);
}

// -- the way of one file
// ------------------------------------------------------------------------------

void PipelineHandlers::post_step(am::Api machine, FileAtWork file, Step step, am::StateId next) {
  pool_.post([machine, file = std::move(file), step, next, job = job_going_on_]() mutable {
    try {
      ((*file.task).*step)(job);
      machine.add(next, file);
    } catch (const Stopped&) {
      machine.add(Pipeline::Dropped, file);
    } catch (...) {
      machine.add_error(am::error_info(std::current_exception(), file.task->source()),
                        Pipeline::ErrFile);
    }
  });
}

bool PipelineHandlers::OpenedEnter(am::Event& e) {
  const FileTask& task = *e.args<FileAtWork>().task;
  std::string reason = task.problem();
  if (reason.empty() && task.size() > order_.max_bytes - opened_bytes_) {
    reason = "over the limit of bytes for one job";
  }
  if (reason.empty()) return true;
  if (!e.is_check()) e.machine().add(Pipeline::Refused, Refusal{task.source(), reason});
  return false;
}

void PipelineHandlers::OpenedState(am::Event& e) {
  const auto& file = e.args<FileAtWork>();
  opened_bytes_ += file.task->size();
  post_step(e.machine(), file, &FileTask::digest, Pipeline::Digested);
}

void PipelineHandlers::DigestedState(am::Event& e) {
  post_step(e.machine(), e.args<FileAtWork>(), &FileTask::compress, Pipeline::Compressed);
}

void PipelineHandlers::CompressedState(am::Event& e) {
  post_step(e.machine(), e.args<FileAtWork>(), &FileTask::verify, Pipeline::Verified);
}

void PipelineHandlers::VerifiedState(am::Event& e) {
  const FileTask& task = *e.args<FileAtWork>().task;
  totals_.bytes += task.size();
  totals_.compressed_bytes += task.compressed_size();
  settle(e.machine());
}

void PipelineHandlers::RefusedState(am::Event& e) {
  const auto& refusal = e.args<Refusal>();
  hooks_.log(fmt::format("refused {}: {}", refusal.path.string(), refusal.reason));
  settle(e.machine());
}

void PipelineHandlers::DroppedState(am::Event& e) { settle(e.machine()); }

void PipelineHandlers::ErrFileState(am::Event& e) {
  log_error(e);
  if (!order_.keep_going) e.machine().add(Pipeline::Failed);
  settle(e.machine());
}

void PipelineHandlers::ErrFolderState(am::Event& e) { log_error(e); }

void PipelineHandlers::log_error(am::Event& e) {
  const auto& error = e.args<am::ErrorInfo>();
  hooks_.log(fmt::format("failed {}: {}", error.where, error.message));
}

}  // namespace file_pipeline
