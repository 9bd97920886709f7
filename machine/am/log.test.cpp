#include <am/log.hpp>

#include <am/machine.hpp>

#include <fmt/format.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <future>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using am::LogLevel;
using Lines = std::vector<std::string>;

/// Collects the lines of a machine's log.
struct Log {
  std::shared_ptr<Lines> lines = std::make_shared<Lines>();

  am::TracerId attach(am::Machine& m, LogLevel level, am::ArgsMapper args = am::ArgsMapper()) {
    return am::attach_log(m, {.level = level,
                              .prefix = am::LogPrefix::none,
                              .args = std::move(args),
                              .sink = [lines = lines](LogLevel, std::string_view text) {
                                lines->emplace_back(text);
                              }});
  }
  bool has(const std::string& line) const {
    return std::find(lines->begin(), lines->end(), line) != lines->end();
  }
};

am::Machine foo_bar() {
  am::Machine m{{{"Foo", {}}, {"Bar", {.automatic = true}}}};
  m.on("FooState", [](am::Event&) {});
  m.on("BarEnter", [](am::Event&) { return false; });
  return m;
}

TEST(Log, of_changes_has_the_states_that_come_and_go) {
  auto m = foo_bar();
  Log log;
  log.attach(m, LogLevel::changes);
  m.add("Foo");
  m.remove("Foo");
  EXPECT_EQ(*log.lines, (Lines{"[state] +Foo", "[state] -Foo"}));
}

TEST(Log, tells_how_the_machine_ends) {
  am::Machine m{{{"Start", {}}, {"A", {}}}, {.dispose_timeout = 1ms}};
  Log log;
  log.attach(m, LogLevel::operations);
  std::promise<void> inside;
  std::promise<void> go;
  m.on("AState", [&](am::Event&) {
    inside.set_value();
    go.get_future().wait();
  });
  m.add("Start");
  std::thread drainer([&] { m.add("A"); });
  inside.get_future().wait();
  EXPECT_FALSE(m.dispose());
  go.set_value();
  drainer.join();
  EXPECT_TRUE(log.has("[dispose] graceful shutdown via Start"));
  EXPECT_TRUE(log.has("[dispose] graceful timeout"));
}

TEST(Log, tells_of_evals) {
  am::Machine m{{{"A", {}}}};
  Log log;
  log.attach(m, LogLevel::everything);
  EXPECT_TRUE(m.eval([] {}));
  EXPECT_TRUE(log.has("[eval] between transitions"));
  EXPECT_TRUE(log.has("[eval:end] back to the queue"));
  std::promise<void> inside;
  std::promise<void> go;
  m.on("AState", [&](am::Event&) {
    inside.set_value();
    go.get_future().wait();
  });
  std::thread drainer([&] { m.add("A"); });
  inside.get_future().wait();
  log.lines->clear();  // nobody writes now
  EXPECT_FALSE(m.eval([] {}, 1ms));
  EXPECT_TRUE(log.has("[eval:timeout] busy for 1 ms"));
  std::stop_source scope;
  std::thread other([&] { EXPECT_FALSE(m.eval([] {}, scope.get_token(), 60s)); });
  while (m.queue_length() < 2) std::this_thread::yield();
  scope.request_stop();
  other.join();
  EXPECT_TRUE(log.has("[eval:ctxdone] its scope has ended"));
  go.set_value();
  drainer.join();
}

TEST(Log, tells_of_handlers_that_take_too_long) {
  std::mutex mutex;
  Lines lines;  // which outlive the machine: its end is logged too
  std::promise<void> go;
  std::promise<void> returned;
  am::Machine m{{{"A", {}}},
                {.handlers = am::HandlersRun::on_own_thread,
                 .handler_timeout = 5ms,
                 .handler_deadline = 5ms}};
  am::attach_log(m, {.level = LogLevel::everything,
                     .prefix = am::LogPrefix::none,
                     .sink = [&](LogLevel, std::string_view text) {
                       const std::lock_guard lock(mutex);
                       lines.emplace_back(text);
                     }});
  m.on("AState", [&](am::Event&) { go.get_future().wait(); });
  m.on_internal_error([&](const am::ErrorInfo& error) {
    if (error.message.find("has returned") != std::string::npos) returned.set_value();
  });
  EXPECT_EQ(m.add("A").reason(), am::Reason::timeout);
  go.set_value();
  returned.get_future().wait();
  const std::lock_guard lock(mutex);
  const auto has = [&](const std::string& line) { return std::ranges::count(lines, line) == 1; };
  EXPECT_TRUE(has("[handler:timeout]: AState from 0"));
  EXPECT_TRUE(has("[handler:deadline]: AState from 0"));
  EXPECT_TRUE(has("[error] deadlined handler finished: AState"));
}

TEST(Log, of_operations_has_mutations_handlers_and_refusals) {
  auto m = foo_bar();
  Log log;
  log.attach(m, LogLevel::operations);
  m.add("Foo");
  EXPECT_EQ(*log.lines,
            (Lines{"[queue:add] Foo", "[add] Foo", "[state] +Foo", "[handler:0] FooState",
                   "[auto] Bar", "[prepend:add] Bar", "[postpone] queue running (1 item)",
                   "[handler:1] BarEnter", "[cancel] (Bar Foo) by BarEnter"}));
}

TEST(Log, of_decisions_has_automatic_mutations) {
  auto m = foo_bar();
  Log log;
  log.attach(m, LogLevel::decisions);
  m.add("Foo");
  EXPECT_TRUE(log.has("[add:auto] Bar"));
}

TEST(Log, of_everything_has_what_stays) {
  am::Machine m{{{"A", {}}, {"B", {}}}};
  m.on("BState", [](am::Event&) {});
  m.add("A");
  Log log;
  log.attach(m, LogLevel::everything);
  m.add("B");
  EXPECT_TRUE(log.has("[state] +B A"));
  EXPECT_TRUE(log.has("[handler:end] BState from 0"));
}

TEST(Log, of_nothing_is_silent) {
  auto m = foo_bar();
  Log log;
  log.attach(m, LogLevel::nothing);
  m.add("Foo");
  m.log("text");
  EXPECT_TRUE(log.lines->empty());
}

TEST(Log, says_what_relations_did) {
  am::Machine m{{{"A", {.require = {"B", "X"}}},
                 {"B", {}},
                 {"C", {.add = {"E"}, .remove = {"D", "B"}}},
                 {"D", {}},
                 {"E", {}},
                 {"W", {.require = {"A"}}},
                 {"X", {}}}};
  Log log;
  log.attach(m, LogLevel::decisions);
  m.add("W");
  EXPECT_TRUE(log.has("[reject] W(-A)"));
  EXPECT_TRUE(log.has("[cancel:reject] W"));
  m.add({"A", "W"});
  EXPECT_TRUE(log.has("[reject] A(-B -X) W(-A)"));
  EXPECT_TRUE(log.has("[cancel:reject] A W"));
  m.add("B");
  m.add("C");
  EXPECT_TRUE(log.has("[implied] E"));
  EXPECT_TRUE(log.has("[rel:remove] B by C"));
  EXPECT_TRUE(log.has("[state] +C +E -B"));
  m.add("D");
  EXPECT_TRUE(log.has("[rel:remove] D by C"));
  EXPECT_TRUE(log.has("[cancel:reject] D"));
}

TEST(Log, of_everything_says_which_automatic_states_are_kept_out) {
  am::Machine m{{{"A", {.remove = {"Auto"}}}, {"Auto", {.automatic = true}}, {"B", {}}}};
  Log log;
  const auto id = log.attach(m, LogLevel::decisions);
  m.add("A");
  EXPECT_FALSE(log.has("[auto:rel:remove] Auto by A"));
  m.detach(id);
  log.attach(m, LogLevel::everything);
  m.add("B");
  EXPECT_TRUE(log.has("[auto:rel:remove] Auto by A"));
}

TEST(Log, of_everything_says_which_binding_a_handler_is_of) {
  am::Machine m{{{"A", {}}}};
  m.detach(m.on("AState", [](am::Event&) {}));
  const auto binding = m.on("AState", [](am::Event&) {});
  Log log;
  log.attach(m, LogLevel::everything);
  m.add("A");
  const auto found = std::find(log.lines->begin(), log.lines->end(),
                               fmt::format("[handle:{}] AState", binding.value));
  ASSERT_NE(found, log.lines->end());
  EXPECT_EQ(*std::next(found), "[handler:0] AState");
}

TEST(Log, says_who_refused) {
  am::Machine m{{{"A", {}}, {"D", {}}}};
  m.on("DEnter", [](am::Event&) { return false; });
  m.on("AExit", [](am::Event&) { return false; });
  m.on("AA", [](am::Event& e) { return !e.transition().is_called("A"); });
  m.set("A");
  Log log;
  log.attach(m, LogLevel::operations);
  m.add("D");
  EXPECT_TRUE(log.has("[cancel] (D A) by DEnter"));
  m.remove("A");
  EXPECT_TRUE(log.has("[cancel] () by AExit"));
  m.add("A");
  EXPECT_TRUE(log.has("[cancel:self] (A) by AA"));
}

TEST(Log, says_which_handler_threw_and_what_was_left) {
  am::Machine m{{{"A", {}}, {"B", {}}, {"C", {}}}};
  m.on("BState", [](am::Event&) { throw std::runtime_error("BState panic"); });
  Log log;
  log.attach(m, LogLevel::operations);
  m.add({"A", "B", "C"});
  EXPECT_TRUE(log.has("[recover] handling panic..."));
  EXPECT_TRUE(log.has("[cancel] (A B C) by recover"));
  EXPECT_TRUE(log.has("[recover] partial final states as (A)"));
  EXPECT_TRUE(log.has("[error:add] A B C (BState panic)"));
  m.add_error({"plain"});
  EXPECT_TRUE(log.has("[error] plain"));
}

TEST(Log, says_where_a_mutation_was_made_and_which_was_skipped) {
  am::Machine m{{{"A", {}}, {"B", {}}}, {.id = "me"}};
  m.on("AState", [](am::Event& e) {
    e.machine().add("B");
    e.machine().add("B");
  });
  Log log;
  log.attach(m, LogLevel::operations);
  m.add("A");
  EXPECT_TRUE(log.has("[source] me/1/0"));
  EXPECT_TRUE(log.has("[queue:skipped] Duplicate detected for [add] B"));
}

TEST(Log, has_what_the_program_says_on_one_line_with_the_machines_id) {
  Lines lines;
  am::Machine m{{{"A", {}}}, {.id = "machine"}};
  am::attach_log(m, {.level = LogLevel::external,
                     .sink = [&](LogLevel, std::string_view text) { lines.emplace_back(text); }});
  m.log("hello\nworld");
  m.add("A");
  EXPECT_EQ(lines, Lines{"[machi] [exter] hello world"});
}

TEST(Log, has_what_handlers_say_with_their_names) {
  am::Machine m{{{"A", {}}}};
  m.on("AState", [](am::Event& e) { e.log("hello"); });
  Log log;
  log.attach(m, LogLevel::external);
  m.add("A");
  EXPECT_EQ(*log.lines, Lines{"[exter] AState: hello"});
}

TEST(Log, of_operations_has_what_is_bound_and_evals) {
  am::Machine m{{{"A", {}}}};
  Log log;
  log.attach(m, LogLevel::operations);
  log.lines->clear();
  const auto binding = m.on("AState", [](am::Event&) {});
  m.detach(binding);
  m.eval([] {});
  EXPECT_EQ(*log.lines, (Lines{fmt::format("[handlers] bind 0:{}", binding.value),
                               fmt::format("[handlers] detach {}", binding.value),
                               "[eval] between transitions"}));
}

TEST(Log, ends_when_it_is_detached) {
  am::Machine m{{{"A", {}}}};
  Log log;
  const auto id = log.attach(m, LogLevel::everything);
  m.detach(id);
  m.add("A");
  EXPECT_TRUE(log.lines->empty());
}

TEST(Log, shows_arguments_by_name_and_typed_ones_by_function) {
  struct Key {
    int teeth;
  };
  am::Machine m{{{"A", {.multi = true}}}};
  Log log;
  am::ArgsMapper mapper({"arg", "b"}, 5);
  mapper.show<Key>("key", [](const Key& key) { return std::to_string(key.teeth); });
  log.attach(m, LogLevel::changes, mapper);
  m.add("A", am::Args().with("arg", std::string("foofoofoo")).with("other", true));
  m.add("A", am::Args(Key{3}).with("b", std::int64_t{2}));
  EXPECT_EQ(*log.lines, (Lines{"[state] +A (arg=fo...)", "[state] +A (b=2 key=3)"}));
}

TEST(Log, cuts_long_values) {
  EXPECT_EQ(am::truncated("abcdef", 4), "abcd");
  EXPECT_EQ(am::truncated("abcdef", 5), "ab...");
  EXPECT_EQ(am::truncated("abcdefgh", 6), "abc...");
  EXPECT_EQ(am::truncated("abc", 3), "abc");
  const auto args = am::Args().with("arg", std::string("foo")).with("arg2", std::string("bar"));
  EXPECT_EQ(am::ArgsMapper({"arg", "arg2"}, 2).text(args), " (arg=fo arg2=ba)");
  EXPECT_EQ(am::ArgsMapper({"none"}).text(args), "");
}

TEST(LogLevels, have_names) {
  Lines names;
  for (int i = 0; i <= 5; ++i) names.emplace_back(am::to_string(static_cast<LogLevel>(i)));
  EXPECT_EQ(names, (Lines{"nothing", "external", "changes", "ops", "decisions", "everything"}));
}

TEST(LogLevels, come_from_the_environment) {
  ::unsetenv("AM_LOG");
  EXPECT_EQ(am::log_level_from_environment(), LogLevel::nothing);
  ::setenv("AM_LOG", "1", 1);
  EXPECT_EQ(am::log_level_from_environment(), LogLevel::external);
  ::setenv("AM_LOG", "5", 1);
  EXPECT_EQ(am::log_level_from_environment(), LogLevel::everything);
  for (const auto* bad : {"6", "-1", "ops", "33"}) {
    ::setenv("AM_LOG", bad, 1);
    EXPECT_THROW(am::log_level_from_environment(), am::Error);
  }
  ::unsetenv("AM_LOG");
}

}  // namespace
