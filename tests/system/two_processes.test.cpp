// A proxy and its source in two processes, over tcp.
#include <am/format.hpp>
#include <am/rpc/client.hpp>

#include <gtest/gtest.h>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <optional>
#include <string>
#include <thread>

extern char** environ;

namespace {

using namespace std::chrono_literals;
using am::Result;

/// Far longer than anything here takes; a test that needs it has failed.
constexpr auto patience = 60s;
/// The issue of all this: what `add` did shows when it returns, every single time.
constexpr int calls = 100'000;

/// The source's process, with pipes to its standard input and output.
class SourceProcess {
 public:
  /// `endpoint`: where to listen; "" = anywhere.
  explicit SourceProcess(std::string endpoint = "") {
    int in[2];
    int out[2];
    if (pipe(in) != 0 || pipe(out) != 0) throw std::runtime_error("pipe");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    for (const int fd : {in[0], in[1], out[0], out[1]}) {
      posix_spawn_file_actions_addclose(&actions, fd);
    }
    std::string program = SOURCE_PROGRAM;
    char* arguments[] = {program.data(), endpoint.empty() ? nullptr : endpoint.data(), nullptr};
    const int failed = posix_spawn(&pid_, program.c_str(), &actions, nullptr, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    input_ = fdopen(in[1], "w");
    output_ = fdopen(out[0], "r");
    if (failed != 0) throw std::runtime_error("cannot start " + program);
  }
  ~SourceProcess() {
    kill(SIGKILL);
    fclose(input_);
    fclose(output_);
    waitpid(pid_, nullptr, 0);
  }
  SourceProcess(const SourceProcess&) = delete;
  SourceProcess& operator=(const SourceProcess&) = delete;

  std::string read_line() {
    std::string line;
    for (int c = fgetc(output_); c != EOF && c != '\n'; c = fgetc(output_)) {
      line += static_cast<char>(c);
    }
    return line;
  }
  void write_line() {
    fputc('\n', input_);
    fflush(input_);
  }
  void kill(int signal) const { ::kill(pid_, signal); }
  /// Stops it and returns once it has stopped.
  void freeze() const {
    kill(SIGSTOP);
    waitpid(pid_, nullptr, WUNTRACED);
  }

 private:
  pid_t pid_ = -1;
  FILE* input_ = nullptr;
  FILE* output_ = nullptr;
};

TEST(TwoProcesses, every_executed_add_shows_while_the_source_mutates_itself) {
  SourceProcess source;
  am::rpc::Client client{{.endpoint = source.read_line()}};
  auto remote = client.attach({.timeout = patience});
  ASSERT_TRUE(remote);
  const auto knock = remote->state("Knock");
  const auto light = remote->state("Light");
  int wrong = 0;
  for (int i = 0; i < calls; ++i) {
    // A multi state shows it in its tick, a plain one in its activity.
    const bool on = i % 4 < 2;
    const auto before = remote->tick(knock);
    if (i % 2 == 0) {
      wrong += remote->add(knock) == Result::executed && remote->is(knock) &&
                       remote->tick(knock) > before
                   ? 0
                   : 1;
    } else {
      const auto result = on ? remote->add(light) : remote->remove(light);
      wrong += result == Result::executed && remote->is(light) == on ? 0 : 1;
    }
  }
  EXPECT_EQ(wrong, 0);
  source.write_line();
  const auto theirs = source.read_line();
  // Quiet now. The last push comes within its interval; wait for the sum that it has to bring.
  const auto limit = std::chrono::steady_clock::now() + patience;
  while (fmt::format("{}", remote->time()) != theirs && std::chrono::steady_clock::now() < limit) {
    remote->when_ticks("Open", 1).wait_for(1ms);
  }
  EXPECT_EQ(fmt::format("{}", remote->time()), theirs);
  EXPECT_EQ(remote->traffic().resyncs, 0U);
}

TEST(TwoProcesses, a_killed_source_ends_waits_and_calls_and_says_why) {
  SourceProcess source;
  am::rpc::Client client{{.endpoint = source.read_line(), .reconnect = am::rpc::Reconnect::never}};
  auto remote = client.attach({.timeout = patience});
  ASSERT_TRUE(remote);
  const auto never = remote->when("Light");
  source.kill(SIGKILL);
  EXPECT_EQ(never.wait_for(patience), am::Ended::unknown);
  EXPECT_EQ(remote->add("Light").reason(), am::Reason::link);
  EXPECT_NE(remote->link_error().find("lost"), std::string::npos) << remote->link_error();
}

TEST(TwoProcesses, a_stopped_source_makes_calls_end_at_their_deadline) {
  SourceProcess source;
  am::rpc::Client client{{.endpoint = source.read_line(), .call_timeout = 100ms}};
  auto remote = client.attach({.timeout = patience});
  ASSERT_TRUE(remote);
  source.freeze();
  EXPECT_EQ(remote->add("Light"), (Result{Result::unknown, am::Reason::timeout}));
  source.kill(SIGCONT);
  EXPECT_EQ(remote->when("Light").wait_for(patience), am::Ended::fired);
}

/// Waits until the link is in `state`.
bool reaches(const am::rpc::RemoteMachine& remote, am::rpc::LinkState state) {
  const auto limit = std::chrono::steady_clock::now() + patience;
  while (remote.link().state != state) {
    if (std::chrono::steady_clock::now() > limit) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

TEST(TwoProcesses, a_stopped_source_is_noticed_by_heartbeats_and_found_again) {
  SourceProcess source;
  am::rpc::Client client{{.endpoint = source.read_line(),
                          .retry_delay = 50ms,
                          .connect_timeout = 500ms,
                          .handshake_timeout = 500ms,
                          .heartbeat_interval = 100ms,
                          .heartbeat_timeout = 200ms}};
  auto remote = client.attach({.timeout = patience});
  ASSERT_TRUE(remote);
  const auto light = remote->when("Light");
  const auto knock = remote->add_async("Knock");
  EXPECT_EQ(knock.get(), Result::executed);
  source.freeze();
  const auto frozen = std::chrono::steady_clock::now();
  ASSERT_TRUE(reaches(*remote, am::rpc::LinkState::stale));
  // Interval and timeout make 300 ms; the rest is for a machine with better things to do.
  EXPECT_LT(std::chrono::steady_clock::now() - frozen, 10s);
  EXPECT_EQ(remote->add("Light"), (Result{Result::not_sent, am::Reason::link}));
  source.kill(SIGCONT);
  ASSERT_TRUE(reaches(*remote, am::rpc::LinkState::connected));
  EXPECT_EQ(remote->epochs(), 0U);
  EXPECT_FALSE(light.done());
  EXPECT_EQ(remote->add("Light"), Result::executed);
  EXPECT_EQ(light.ended(), am::Ended::fired);
}

TEST(TwoProcesses, a_source_that_was_killed_and_started_again_is_a_new_epoch) {
  std::optional<SourceProcess> source{std::in_place};
  const auto endpoint = source->read_line();
  am::rpc::Client client{{.endpoint = endpoint, .retry_delay = 20ms}};
  auto remote = client.attach({.timeout = patience});
  ASSERT_TRUE(remote);
  EXPECT_EQ(remote->add("Light"), Result::executed);
  const auto off = remote->when_not("Light");
  const auto ticks = remote->when_ticks("Light", 1000);
  source.reset();
  ASSERT_TRUE(reaches(*remote, am::rpc::LinkState::stale));
  EXPECT_FALSE(off.done());
  source.emplace(endpoint);
  EXPECT_EQ(off.wait_for(patience), am::Ended::fired);
  EXPECT_EQ(ticks.wait_for(patience), am::Ended::epoch_changed);
  EXPECT_EQ(remote->epochs(), 1U);
  ASSERT_TRUE(reaches(*remote, am::rpc::LinkState::connected));
  EXPECT_EQ(remote->add("Light"), Result::executed);
}

}  // namespace
