// A program of these tests in a process of its own, spoken to line by line.
#pragma once

#include <am/rpc/client.hpp>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

extern char** environ;

namespace system_test {

/// Far longer than anything here takes; a test that needs it has failed.
inline constexpr std::chrono::seconds patience{60};

/// Open descriptors of a process ("self", or a number).
inline std::size_t descriptors_of(const std::string& process) {
  const std::filesystem::directory_iterator all("/proc/" + process + "/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

/// Memory of a process ("self", or a number) that is its own and in use, in bytes.
inline std::size_t memory_of(const std::string& process) {
  std::ifstream status("/proc/" + process + "/status");
  for (std::string word; status >> word;) {
    std::size_t kib = 0;
    if (word == "RssAnon:" && status >> kib) return kib * 1024;
  }
  throw std::runtime_error("no RssAnon of process " + process);
}

/// Which of its streams a process is listened to on, and where its standard output goes then.
struct Streams {
  int heard = STDOUT_FILENO;     ///< or STDERR_FILENO
  const char* output = nullptr;  ///< a path; nullptr: where that of this process goes
};

/// Runs until it is killed, at the latest with this object. In the network of the thread that makes
/// it.
class Process {
 public:
  explicit Process(std::string program, std::vector<std::string> arguments = {},
                   Streams streams = {}) {
    int in[2];
    int out[2];
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out[1], streams.heard);
    if (streams.output != nullptr) {
      posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, streams.output, O_WRONLY, 0);
    }
    std::vector<char*> words{program.data()};
    for (auto& argument : arguments) words.push_back(argument.data());
    words.push_back(nullptr);
    const int failed =
        posix_spawn(&pid_, program.c_str(), &actions, nullptr, words.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    input_ = in[1];
    output_ = out[0];
    if (failed != 0) {
      pid_ = -1;
      throw std::runtime_error("cannot start " + program);
    }
  }
  ~Process() {
    if (pid_ < 0) return;
    kill(SIGKILL);
    close(input_);
    close(output_);
    waitpid(pid_, nullptr, 0);
  }
  Process(Process&& other) noexcept
      : pid_(std::exchange(other.pid_, -1)),
        input_(other.input_),
        output_(other.output_),
        unread_(std::move(other.unread_)) {}
  Process& operator=(Process&&) = delete;

  /// The next line that it writes; "" when it has ended. Throws when none comes.
  std::string read_line() {
    for (;;) {
      if (const auto end = unread_.find('\n'); end != std::string::npos) {
        std::string line = unread_.substr(0, end);
        unread_.erase(0, end + 1);
        return line;
      }
      pollfd readable{output_, POLLIN, 0};
      constexpr auto limit = std::chrono::milliseconds(patience);
      if (poll(&readable, 1, static_cast<int>(limit.count())) == 0) {
        throw std::runtime_error("a process says nothing");
      }
      char bytes[4096];
      const auto size = read(output_, bytes, sizeof bytes);
      if (size <= 0) return std::exchange(unread_, {});
      unread_.append(bytes, static_cast<std::size_t>(size));
    }
  }
  void write_line(std::string_view line = "") const {
    const auto bytes = std::string(line) + '\n';
    if (write(input_, bytes.data(), bytes.size()) < 0)
      throw std::runtime_error("a process is gone");
  }
  /// What it answers to a line.
  std::string ask(std::string_view line) {
    write_line(line);
    return read_line();
  }

  void kill(int signal) const { ::kill(pid_, signal); }
  /// Stops it and returns once it has stopped.
  void freeze() const {
    kill(SIGSTOP);
    waitpid(pid_, nullptr, WUNTRACED);
  }
  std::string pid() const { return std::to_string(pid_); }

 private:
  pid_t pid_ = -1;
  int input_ = -1;
  int output_ = -1;
  std::string unread_{};
};

/// Waits until the link of `remote` is in `state`: there is no wait for that.
inline bool reaches(const am::rpc::RemoteMachine& remote, am::rpc::LinkState state) {
  const auto limit = std::chrono::steady_clock::now() + patience;
  while (remote.link().state != state) {
    if (std::chrono::steady_clock::now() > limit) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

/// A source (source_process.cpp) with its endpoint.
struct Source {
  explicit Source(std::vector<std::string> arguments = {}, Streams streams = {})
      : process(SOURCE_PROGRAM, std::move(arguments), streams), endpoint(process.read_line()) {}

  /// How often its handler of Knock has run.
  unsigned long knocks() { return std::stoul(process.ask("knocks")); }

  Process process;
  std::string endpoint;
};

}  // namespace system_test
