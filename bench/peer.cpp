#include "peer.hpp"

#include "harness.hpp"
#include "latency.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <iostream>
#include <stdexcept>
#include <thread>

namespace bench {

namespace {

using namespace std::chrono_literals;

constexpr auto start_patience = 20s;
constexpr auto end_patience = 2s;
/// Where the child finds the memory of the stamps.
constexpr int stamps_descriptor = 3;

Stamps* map_stamps(int descriptor) {
  void* const memory =
      mmap(nullptr, sizeof(Stamps), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  require(memory != MAP_FAILED, "no shared memory");
  return static_cast<Stamps*>(memory);
}

/// One line, or what there is of it when the time is up or the other side has ended.
std::string read_line(int descriptor, std::chrono::steady_clock::time_point deadline) {
  std::string line;
  while (true) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd entry{descriptor, POLLIN, 0};
    if (left.count() <= 0) return line;
    if (poll(&entry, 1, static_cast<int>(left.count())) <= 0) continue;
    char c = 0;
    if (read(descriptor, &c, 1) != 1 || c == '\n') return line;
    line += c;
  }
}

}  // namespace

// -- in the parent ----------------------------------------------------------------------------

Peer::Peer(const std::string& kind, const std::string& endpoint) {
  const int memory = memfd_create("am-bench", MFD_CLOEXEC);
  require(memory >= 0 && ftruncate(memory, sizeof(Stamps)) == 0, "no shared memory");
  stamps_ = map_stamps(memory);
  int commands[2];
  int answers[2];
  require(pipe2(commands, O_CLOEXEC) == 0 && pipe2(answers, O_CLOEXEC) == 0, "no pipe");
  commands_ = commands[1];
  answers_ = answers[0];

  // Not fork: this process has threads.
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, commands[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, answers[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, memory, stamps_descriptor);
  auto program = std::filesystem::read_symlink("/proc/self/exe").string();
  std::string peer = "peer";
  std::string kind_argument = kind;
  std::string endpoint_argument = endpoint;
  char* const arguments[] = {program.data(), peer.data(), kind_argument.data(),
                             endpoint_argument.data(), nullptr};
  const int error = posix_spawn(&pid_, program.c_str(), &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  close(commands[0]);
  close(answers[1]);
  close(memory);
  if (error != 0) pid_ = -1;
  endpoint_ = read_line(answers_, std::chrono::steady_clock::now() + start_patience);
  if (endpoint_.empty()) {
    end();
    throw std::runtime_error("the peer \"" + kind + "\" did not start");
  }
}

Peer::~Peer() { end(); }

void Peer::end() noexcept {
  close(commands_);
  close(answers_);
  munmap(stamps_, sizeof(Stamps));
  if (pid_ < 0) return;
  const auto deadline = std::chrono::steady_clock::now() + end_patience;
  while (waitpid(pid_, nullptr, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > deadline) kill(pid_, SIGKILL);
    std::this_thread::sleep_for(1ms);
  }
}

void Peer::push(std::size_t count) {
  const auto line = std::to_string(count) + "\n";
  require(write(commands_, line.data(), line.size()) == static_cast<ssize_t>(line.size()),
          "the peer is gone");
}

std::int64_t Peer::cpu_ns() const {
  clockid_t clock{};
  timespec time{};
  require(clock_getcpuclockid(pid_, &clock) == 0 && clock_gettime(clock, &time) == 0,
          "no clock of the peer");
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

// -- in the child -----------------------------------------------------------------------------

void run_peer(const std::string& kind, const std::string& endpoint) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  auto* const stamps = map_stamps(stamps_descriptor);
  const auto service = kind == "tcp"       ? make_tcp_service()
                       : kind == "zmq"     ? make_zmq_service(endpoint)
                       : kind == "machine" ? make_machine_service(endpoint)
                       : kind == "grpc"    ? make_grpc_service()
                                           : nullptr;
  if (service == nullptr) _exit(3);
  std::cout << service->endpoint() << std::endl;
  std::uint64_t done = 0;
  for (std::string line; std::getline(std::cin, line);) {
    std::size_t count = 0;
    std::from_chars(line.data(), line.data() + line.size(), count);
    auto next = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < count; ++i) {
      std::this_thread::sleep_until(next += 1ms);
      service->push(done++, *stamps);
    }
  }
  _exit(0);
}

}  // namespace bench
