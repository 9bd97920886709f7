// The client: has a worker process work through a folder, as if its machine were here.
#include "client/interrupt.hpp"
#include "client/run_job.hpp"
#include "client/table.hpp"
#include "client/worker_process.hpp"
#include "pipeline_states.hpp"

#include <am/rpc/client.hpp>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace {

using namespace std::chrono_literals;
using namespace file_pipeline;
using Clock = std::chrono::steady_clock;

struct Options {
  bool demo = false;
  bool stop_on_error = false;
  std::string endpoint{};
  std::string folder = "/usr/share/doc";
  JobOrder order{};
  std::uint32_t patience_seconds = 10;
};

constexpr int exit_failed = 1;
constexpr int exit_usage = 2;
constexpr int exit_interrupted = 130;

/// Starts the worker that lies beside this program, and returns where it listens.
std::string start_worker(std::optional<WorkerProcess>& worker) {
  const auto here = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  worker.emplace(here / "file-pipeline-worker",
                 std::vector<std::string>{"--listen", "tcp://127.0.0.1:0", "--end-with-stdin"});
  const std::string prefix = "listening on ";
  const auto line = worker->read_line(Clock::now() + 10s);
  if (!line || !line->starts_with(prefix)) {
    throw std::runtime_error("the worker process did not say where it listens");
  }
  std::string endpoint = line->substr(prefix.size());
  fmt::print("worker: process {} at {}\n", worker->pid(), endpoint);
  std::fflush(stdout);
  return endpoint;
}

int run(Options options) {
  const Interrupt interrupt;
  std::optional<WorkerProcess> process;
  if (options.demo) options.endpoint = start_worker(process);

  am::rpc::Client client({.endpoint = options.endpoint});
  auto worker = client.attach({.schema = pipeline_schema(), .require_same_schema = true});
  if (!worker) {
    fmt::print(stderr, "file-pipeline: no worker at {}: {} ({})\n", options.endpoint,
               worker.error().message, to_string(worker.error().code));
    return exit_failed;
  }

  options.order.folder = std::filesystem::absolute(options.folder).lexically_normal();
  options.order.keep_going = !options.stop_on_error;
  const JobOutcome outcome = run_job(
      *worker, options.order, std::chrono::seconds{options.patience_seconds}, interrupt.token());

  const bool finished =
      outcome.kind == JobOutcome::Kind::done || outcome.kind == JobOutcome::Kind::failed;
  if (finished) {
    Summary summary{.counts = outcome.counts,
                    .time = outcome.time,
                    .link = worker->traffic(),
                    .connection = client.traffic()};
    if (process) {
      if (const auto line = process->read_line(Clock::now() + 2s))
        summary.bytes = parse_totals(*line);
    }
    print_table(stdout, summary);
    std::fflush(stdout);
  }
  if (!outcome.message.empty()) fmt::print(stderr, "file-pipeline: {}\n", outcome.message);

  client.stop();
  if (process && outcome.kind != JobOutcome::Kind::lost && !process->end(Clock::now() + 10s)) {
    fmt::print(stderr, "file-pipeline: the worker process did not end well\n");
    return exit_failed;
  }
  if (outcome.kind == JobOutcome::Kind::canceled) return exit_interrupted;
  return outcome.kind == JobOutcome::Kind::done ? 0 : exit_failed;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Digests, compresses and verifies the files of a folder in a worker process.");
  auto* how = app.add_option_group("worker", "where the work is done");
  how->add_flag("--demo", options.demo, "start a worker process, and end it afterwards");
  auto* connect = how->add_option("--connect", options.endpoint,
                                  "use a running worker, for example tcp://127.0.0.1:4711");
  how->require_option(1);
  auto* folder =
      app.add_option("FOLDER", options.folder, "as the worker sees it")->capture_default_str();
  app.add_option("--max-files", options.order.max_files, "look at no more files than these")
      ->capture_default_str()
      ->check(CLI::Range(std::uint32_t{1}, most_files));
  app.add_option("--max-bytes", options.order.max_bytes, "refuse files that do not fit in this")
      ->capture_default_str()
      ->transform(CLI::AsSizeValue(false));
  app.add_option("--at-once", options.order.at_once, "files that are worked on at a time")
      ->capture_default_str()
      ->check(CLI::Range(std::uint32_t{1}, most_at_once));
  app.add_flag("--stop-on-error", options.stop_on_error, "start no more files after one failed");
  app.add_option("--patience", options.patience_seconds,
                 "seconds without news until the worker is asked whether it is still there")
      ->capture_default_str()
      ->check(CLI::Range(1, 3600));
  try {
    app.parse(argc, argv);
    if (connect->count() != 0 && folder->count() == 0) throw CLI::RequiredError("FOLDER");
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : exit_usage;
  }

  try {
    return run(std::move(options));
  } catch (const std::exception& error) {
    fmt::print(stderr, "file-pipeline: {}\n", error.what());
    return exit_failed;
  }
}
