// The worker process: a pipeline machine at an endpoint, until SIGTERM.
#include "pipeline_states.hpp"
#include "worker/pipeline.hpp"
#include "worker/thread_pool.hpp"

#include <am/machine.hpp>
#include <am/rpc/server.hpp>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <system_error>

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace {

using file_pipeline::JobTotals;
using file_pipeline::Pipeline;
using file_pipeline::PipelineHandlers;
using file_pipeline::ThreadPool;

struct Options {
  std::string endpoint = "tcp://127.0.0.1:0";
  unsigned threads = 4;
  bool verbose = false;
  bool end_with_stdin = false;
};

/// Blocks SIGTERM and SIGINT, in all threads that are made later too, and returns a descriptor that
/// becomes readable when one of them comes.
int end_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const int descriptor = signalfd(-1, &signals, SFD_CLOEXEC);
  if (descriptor < 0) throw std::system_error(errno, std::generic_category(), "signalfd");
  return descriptor;
}

/// Returns when a signal asks for it, or when standard input ends and `with_stdin` is set: so a
/// worker does not outlive the program that started it, however that ends.
void wait_for_end(int signals, bool with_stdin) {
  pollfd wanted[] = {{signals, POLLIN, 0}, {with_stdin ? STDIN_FILENO : -1, POLLIN, 0}};
  while (true) {
    if (poll(wanted, 2, -1) < 0 && errno != EINTR) return;
    if (wanted[0].revents != 0) return;
    if (wanted[1].revents != 0) {
      char ignored[256];
      if (read(STDIN_FILENO, ignored, sizeof ignored) <= 0) return;
    }
  }
}

void run(const Options& options, int signals) {
  // In this order: threads of the pool may still use the machine while it goes, not the reverse.
  ThreadPool pool(options.threads);
  am::Machine machine{file_pipeline::pipeline_schema(), {.id = "pipeline"}};

  // Writing may block when nobody reads, so handlers leave it to the pool.
  const auto log = [&pool, verbose = options.verbose](std::string line) {
    if (!verbose && line.starts_with("refused")) return;
    pool.post([line = std::move(line)] { fmt::print(stderr, "file-pipeline-worker: {}\n", line); });
  };
  const auto report = [&pool](const JobTotals& totals) {
    pool.post([totals] {
      fmt::print("finished: {} bytes read, {} bytes compressed\n", totals.bytes,
                 totals.compressed_bytes);
      std::fflush(stdout);
    });
  };
  machine.bind(PipelineHandlers(pool, {.log = log, .report = report}));

  am::rpc::Server server(
      machine, {.endpoint = options.endpoint, .push_interval = std::chrono::milliseconds{100}});
  fmt::print("listening on {}\n", server.endpoint());
  std::fflush(stdout);

  wait_for_end(signals, options.end_with_stdin);
  // Ending the job is all it takes: the threads stop, then the folder goes.
  machine.remove(Pipeline::Job);
  machine.when_not(Pipeline::Output).wait_for(std::chrono::seconds{5});
  server.stop();
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app(
      "Digests, compresses and verifies the files of a folder, when a client asks for it.");
  app.add_option("--listen", options.endpoint, "tcp://HOST:PORT, port 0: any free one")
      ->capture_default_str();
  app.add_option("--threads", options.threads, "threads that work on files")
      ->capture_default_str()
      ->check(CLI::Range(1, 64));
  app.add_flag("--verbose", options.verbose, "say which files are refused, and why");
  app.add_flag("--end-with-stdin", options.end_with_stdin, "end when standard input ends");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }

  std::signal(SIGPIPE, SIG_IGN);  // a reader of our output that goes is no reason to go too
  try {
    run(options, end_signals());
  } catch (const std::exception& error) {
    fmt::print(stderr, "file-pipeline-worker: {}\n", error.what());
    return 1;
  }
  return 0;
}
