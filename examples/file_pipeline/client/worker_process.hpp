// A worker process of our own.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace file_pipeline {

/// A child process whose standard output is read line by line. It has a process group of its own,
/// so that ctrl-C reaches it through us only, and its standard input ends when we do.
class WorkerProcess {
 public:
  using Clock = std::chrono::steady_clock;

  /// Throws `std::system_error` when it cannot be started.
  WorkerProcess(const std::filesystem::path& program, const std::vector<std::string>& arguments);
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;
  /// Ends it, with SIGKILL when it must be.
  ~WorkerProcess();

  pid_t pid() const noexcept { return pid_; }
  /// The next line of its output, or nothing when its output ends or `deadline` passes.
  std::optional<std::string> read_line(Clock::time_point deadline);
  /// Asks it to end with SIGTERM. True when it did by `deadline`, with exit status 0.
  bool end(Clock::time_point deadline);

 private:
  pid_t pid_ = -1;
  int input_ = -1;   ///< we hold it open, and never write
  int output_ = -1;  ///< we read it
  std::string unread_{};
};

}  // namespace file_pipeline
