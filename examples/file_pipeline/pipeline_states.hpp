// What the worker and its client share: the states of the pipeline, how they relate, and what a job
// is. The README has the schema as a picture.
#pragma once

#include <am/machine.hpp>

#include <cstdint>
#include <string>

namespace file_pipeline {

/// What the worker is asked to do: the argument of Pipeline::Job. job_order.cpp lets it travel.
struct JobOrder {
  /// Absolute, as the worker sees it.
  std::string folder{};
  /// The walk ends after this many files.
  std::uint32_t max_files = 2'000;
  /// Files that do not fit in what is left of this are refused.
  std::uint64_t max_bytes = 64U * 1024 * 1024;
  /// Most files that are worked on at a time.
  std::uint32_t at_once = 4;
  /// Go on after a file that failed.
  bool keep_going = true;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(folder, max_files, max_bytes, at_once, keep_going);
  }
};

/// The limits of a job's limits.
inline constexpr std::uint32_t most_files = 1'000'000;
inline constexpr std::uint32_t most_at_once = 64;

AM_STATES(Pipeline,
          // The job: what the client adds and removes, and what hangs on it.
          Job, Output, CleaningUp,
          // Which files there are, and which are worked on.
          Discovering, Waiting, Starting, Full, Busy,
          // Counters: each activation is one file.
          FileFound, Opened, Digested, Compressed, Verified, Refused, Dropped, ErrFile,
          // How the job ends.
          ErrFolder, Failed, Done, Finished)

inline am::Schema pipeline_schema() {
  using P = Pipeline;
  return P::schema({
      // A job lasts from the client's add to the client's remove: removing it early cancels it.
      {P::Job, {.add = {P::Output, P::Discovering}, .remove = {P::CleaningUp}}},
      // The folder for the compressed files. It outlives the job until all threads let go of it.
      {P::Output, {}},
      {P::CleaningUp,
       {.automatic = true,
        .require = {P::Output},
        .remove = {P::Opened, P::Digested, P::Compressed, P::Verified, P::Refused, P::Dropped,
                   P::ErrFile}}},

      // A thread walks through the folder.
      {P::Discovering, {.remove = {P::Done, P::CleaningUp}}},
      // Files wait to be started.
      {P::Waiting, {.remove = {P::Done}}},
      // One file is started. This is the pump: it tries again by itself after every transition.
      {P::Starting, {.automatic = true, .require = {P::Job, P::Waiting}}},
      // As many files as the job allows are worked on.
      {P::Full, {.remove = {P::Starting}}},
      // At least one file is worked on.
      {P::Busy, {.remove = {P::Done, P::CleaningUp}}},

      {P::FileFound, {.multi = true, .require = {P::Job}}},
      {P::Opened, {.multi = true}},
      {P::Digested, {.multi = true}},
      {P::Compressed, {.multi = true}},
      // Every file that was started comes to one of these four.
      {P::Verified, {.multi = true}},
      {P::Refused, {.multi = true}},
      {P::Dropped, {.multi = true}},
      {P::ErrFile, {.multi = true}},

      {P::ErrFolder, {.require = {P::Job}, .add = {P::Failed}}},
      {P::Failed, {.require = {P::Job}, .add = {P::Finished}, .remove = {P::Starting, P::Done}}},
      // All is done when nothing keeps it out: Discovering, Waiting and Busy do.
      {P::Done, {.automatic = true, .require = {P::Job}, .add = {P::Finished}}},
      {P::Finished, {.require = {P::Job}}},
  });
}

/// How often a multi state was activated: its clock counts. The first activation makes the tick 1,
/// each one while it is active adds 2, and one that follows a deactivation adds 1 to an even tick.
inline std::uint64_t count(const am::Api& machine, am::StateId state) {
  return (machine.tick(state).value + 1) / 2;
}

}  // namespace file_pipeline
