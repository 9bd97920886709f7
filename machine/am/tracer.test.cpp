#include <am/tracer.hpp>

#include <am/counters.hpp>
#include <am/log.hpp>
#include <am/machine.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

/// Writes one line for each call.
struct Recorder : am::Tracer {
  std::vector<std::string> lines{};
  std::vector<std::string> sources{};

  static std::string names(const am::CompiledSchema& schema,
                           std::span<const am::StateIndex> states) {
    std::string text;
    for (const auto s : states) text += schema.names()[s];
    return text;
  }
  void mutation_queued(const am::QueuedMutation& m) override {
    lines.push_back(fmt::format("queued {}{}{} {} at {} of {}{}", m.automatic ? "auto " : "",
                                m.check ? "check " : "", am::to_string(m.type),
                                names(*m.schema, m.called), m.queue_tick.value, m.queue_length,
                                m.waits ? ", waits" : ""));
    sources.push_back(
        fmt::format("{}:{}:{}", m.source.machine, m.source.transition, m.source.time));
  }
  void mutation_skipped(const am::QueuedMutation& m) override {
    lines.push_back(
        fmt::format("skipped {} as {}", names(*m.schema, m.called), m.queue_tick.value));
  }
  void transition_init(const am::Transition& t) override {
    lines.push_back("init " + names(*t.schema, t.called));
  }
  void transition_start(const am::Transition&) override { lines.emplace_back("start"); }
  void handler_start(const am::Transition&, const am::HandlerCall& call) override {
    lines.push_back(fmt::format("call {} of {}", call.name, call.number));
  }
  void handler_end(const am::Transition&, const am::HandlerCall& call) override {
    lines.push_back(fmt::format("end of {}", call.name));
  }
  void transition_finals(const am::Transition&) override { lines.emplace_back("finals"); }
  void transition_end(const am::Transition&) override { lines.emplace_back("end"); }
  void queue_end() override { lines.emplace_back("queue end"); }
};

using Lines = std::vector<std::string>;

TEST(Tracers, are_told_in_this_order) {
  am::Machine m{{{"A", {}}, {"B", {.automatic = true, .require = {"A"}}}, {"C", {}}}};
  const auto recorder = std::make_shared<Recorder>();
  m.trace(recorder);
  m.on("AEnter", [](am::Event&) {});
  m.on("AState", [](am::Event& e) { e.machine().add("C"); });
  m.add("A");
  EXPECT_EQ(recorder->lines, (Lines{"queued add A at 2 of 1",
                                    "init A",
                                    "start",
                                    "call AEnter of 0",
                                    "end of AEnter",
                                    "finals",
                                    "call AState of 1",
                                    "queued add C at 3 of 1, waits",
                                    "end of AState",
                                    "queued auto add B at 0 of 2, waits",
                                    "end",
                                    "init B",
                                    "start",
                                    "finals",
                                    "end",
                                    "init C",
                                    "start",
                                    "finals",
                                    "end",
                                    "queue end"}));
}

TEST(Tracers, see_checks_and_their_end) {
  am::Machine m{{{"A", {}}}};
  const auto recorder = std::make_shared<Recorder>();
  m.trace(recorder);
  m.can_add("A");
  EXPECT_EQ(recorder->lines,
            (Lines{"queued check add A at 0 of 1", "init A", "start", "end", "queue end"}));
}

TEST(Tracers, see_the_error_that_a_throwing_handler_makes) {
  am::Machine m{{{"A", {}}}};
  const auto recorder = std::make_shared<Recorder>();
  m.trace(recorder);
  m.on("AEnter", [](am::Event&) { throw std::runtime_error("no"); });
  m.add("A");
  EXPECT_EQ(recorder->lines, (Lines{"queued add A at 2 of 1", "init A", "start", "call AEnter of 0",
                                    "end of AEnter", "end", "queued add Exception at 0 of 1, waits",
                                    "init Exception", "start", "finals", "end", "queue end"}));
  EXPECT_EQ(recorder->sources[1], fmt::format("{}:1:0", m.id()));
}

/// What a mutation says of when the transition began in which it was made, next to what it was.
struct SourceTimes : am::Tracer {
  explicit SourceTimes(const am::Machine& m) : machine(m) {}
  void transition_start(const am::Transition& t) override { began[t.id] = machine.time().sum(); }
  void mutation_queued(const am::QueuedMutation& m) override {
    if (m.source.empty()) return;
    ++seen;
    EXPECT_EQ(m.source.machine, machine.id());
    EXPECT_EQ(m.source.time, began.at(m.source.transition)) << m.source.transition;
  }
  const am::Machine& machine;
  std::map<std::uint64_t, std::uint64_t> began{};
  int seen = 0;
};

TEST(Tracers, see_when_the_transition_began_that_a_mutation_comes_from) {
  for (const auto handlers : {am::HandlersRun::on_drainer, am::HandlersRun::on_own_thread}) {
    am::Machine m{{{"A", {}},
                   {"M", {.multi = true}},
                   {"B", {.automatic = true, .require = {"A"}}},
                   {"C", {}},
                   {"Bad", {}}},
                  {.id = "me", .handlers = handlers}};
    const auto times = std::make_shared<SourceTimes>(m);
    m.trace(times);
    for (const auto* name : {"AEnter", "AState", "AEnd", "MState", "BState", "CState"}) {
      m.on(name, [](am::Event& e) {
        e.machine().toggle("C");
        if (!e.is_check()) e.machine().can_add("C");
      });
    }
    m.on("BadState", [](am::Event& e) {
      e.machine().toggle("C");
      throw std::runtime_error("no");
    });
    const auto use = [&](am::Machine& machine) {
      for (int i = 0; i < 3; ++i) {
        machine.add("A");
        machine.add("M");
        machine.set({"M", "A"});
        machine.add({"Bad", "M"});
        machine.remove("Exception");
        machine.remove({"A", "M"});
      }
    };
    use(m);
    const auto saved = m.save();
    use(m);
    m.restore(saved, am::Rewind::allowed);
    use(m);
    m.extend_schema({{"A", {}},
                     {"M", {.multi = true}},
                     {"B", {.automatic = true}},
                     {"C", {}},
                     {"Bad", {}},
                     {"More", {}}});
    m.add("More");
    use(m);
    EXPECT_GT(times->seen, 100);
  }
}

TEST(MutationsOfHandlers, CostNoMoreWhereThereAreManyStates) {
  std::vector<am::Schema::Entry> entries{{"A"}, {"B"}, {"C"}};
  while (entries.size() < 4'000) entries.push_back({"S" + std::to_string(entries.size())});
  am::Machine m{am::Schema(std::move(entries))};
  using Clock = std::chrono::steady_clock;
  auto first = Clock::duration::max();
  auto second = first;
  m.on("AState", [&, b = m.state("B"), c = m.state("C")](am::Event& e) {
    auto api = e.machine();
    const auto begin = Clock::now();
    api.add(b);  // finds out when the transition began
    const auto between = Clock::now();
    api.add(c);
    const auto end = Clock::now();
    first = std::min(first, between - begin);
    second = std::min(second, end - between);
  });
  for (int i = 0; i < 100; ++i) m.toggle("A");
  // Walking over all states takes some hundred times as long as queueing.
  EXPECT_LT(first, 10 * second + std::chrono::microseconds{5});
}

TEST(Tracers, see_what_is_not_queued_as_it_waits_already) {
  am::Machine m{{{"A", {}}, {"B", {}}}};
  const auto recorder = std::make_shared<Recorder>();
  m.on("AState", [&](am::Event& e) {
    e.machine().add("B");
    e.machine().add("B");
  });
  m.trace(recorder);
  m.add("A");
  EXPECT_EQ(std::ranges::count(recorder->lines, "queued add B at 3 of 1, waits"), 1);
  EXPECT_EQ(std::ranges::count(recorder->lines, "skipped B as 3"), 1);
}

TEST(Tracers, may_mutate_and_what_they_add_is_run) {
  struct Adder : am::Tracer {
    am::Api machine;
    explicit Adder(const am::Api& m) : machine(m) {}
    void queue_end() override {
      if (!machine.is("B")) machine.add("B");
    }
  };
  am::Machine m{{{"A", {}}, {"B", {}}}};
  m.trace(std::make_shared<Adder>(m));
  m.add("A");
  EXPECT_TRUE(m.is({"A", "B"}));
}

// -- where mutations come from ------------------------------------------------------------------

TEST(Source, of_a_handlers_mutation_is_the_transition_that_it_handles) {
  am::Machine m{{{"A", {}}, {"B", {}}, {"C", {}}}, {.id = "me"}};
  am::MutationSource seen;
  std::string machine;
  m.add("C");
  m.on("AState", [](am::Event& e) { e.machine().add("B"); });
  m.on("BState", [&](am::Event& e) {
    seen = e.transition().source;
    machine = seen.machine;
  });
  m.add("A");
  EXPECT_EQ(machine, "me");
  EXPECT_EQ(seen.transition, 2U);
  EXPECT_EQ(seen.time, 1U);  // C alone was active before
}

TEST(Source, may_be_passed_on_from_elsewhere) {
  am::Machine m{{{"A", {}}, {"B", {}}}, {.id = "me"}};
  const auto recorder = std::make_shared<Recorder>();
  m.trace(recorder);
  m.on("AState", [](am::Event& e) {
    e.machine().add("B", {}, {.source = {.machine = std::string("far"), .transition = 7}});
  });
  m.add("A", {}, {.source = {.machine = "elsewhere", .transition = 3, .time = 9}});
  EXPECT_EQ(recorder->sources, (Lines{"elsewhere:3:9", "far:7:0"}));
}

TEST(Source, crosses_machines) {
  am::Machine first{{{"A", {}}}, {.id = "first"}};
  am::Machine second{{{"B", {}}}, {.id = "second"}};
  const auto recorder = std::make_shared<Recorder>();
  second.trace(recorder);
  first.on("AEnter", [&](am::Event&) { second.add("B"); });
  second.add("B");
  first.add("A");
  EXPECT_EQ(recorder->sources, (Lines{":0:0", "first:1:0"}));
}

TEST(Source, is_not_given_to_automatic_mutations_and_ends_with_its_transition) {
  am::Machine m{{{"A", {}}, {"B", {}}, {"C", {.automatic = true, .require = {"B"}}}}, {.id = "me"}};
  const auto recorder = std::make_shared<Recorder>();
  m.trace(recorder);
  m.on("AState", [](am::Event& e) { e.machine().add("B"); });
  m.add("A");
  m.remove("A");
  EXPECT_EQ(recorder->sources, (Lines{":0:0", "me:1:0", ":0:0", ":0:0", ":0:0"}));
}

TEST(Source, does_not_keep_the_machine_that_queued_something_for_itself) {
  std::weak_ptr<am::detail::Core> core;
  {
    am::Machine m{{{"A", {}}, {"B", {}}}};
    core = m.core();
    m.on("AState", [](am::Event& e) {
      e.machine().add("B");
      e.machine().remove("A");
    });
    m.add("A");
    EXPECT_TRUE(m.is("B"));
  }
  EXPECT_TRUE(core.expired());
}

TEST(Tracers, come_and_go_while_threads_mutate) {
  am::Machine m{{{"A", {.multi = true}}, {"B", {}}, {"C", {}}}};
  m.on("AState", [](am::Event& e) { e.machine().toggle("B"); });
  const auto counting = std::make_shared<am::CountingTracer>();
  m.trace(counting);
  constexpr unsigned threads = 3, rounds = 200;
  {
    std::vector<std::jthread> mutators;
    for (unsigned i = 0; i < threads; ++i) {
      mutators.emplace_back([&] {
        for (unsigned n = 0; n < rounds; ++n) m.add("A");
      });
    }
    for (unsigned n = 0; n < 50; ++n) {
      const auto log = am::attach_log(
          m, {.level = am::LogLevel::everything, .sink = [](am::LogLevel, std::string_view) {}});
      const auto wait = m.when_not("A");
      m.log("round");
      static_cast<void>(m.queue());
      static_cast<void>(m.will_be("B"));
      m.detach(log);
    }
  }
  m.when_queue_ends().wait();
  EXPECT_EQ(counting->counters().mutations_queued, counting->counters().transitions);
  EXPECT_GE(counting->counters().transitions, threads * rounds);
}

TEST(Tracers, may_throw_when_the_machine_is_made) {
  class Throwing final : public am::Tracer {
   public:
    void machine_init(const am::Api&) override { throw std::runtime_error("not today"); }
    void transition_end(const am::Transition&) override { ++transitions; }
    int transitions = 0;
  };
  const auto tracer = std::make_shared<Throwing>();
  am::Machine m{{{"A", {}}}, {.tracers = {tracer}}};
  m.add("A");
  EXPECT_EQ(tracer->transitions, 1);
}

/// Throws in one of its callbacks, named by `where`, and counts.
class Thrower final : public am::Tracer {
 public:
  static constexpr std::array callbacks{"machine_init",  "submachine",      "schema_changed",
                                        "restored",      "disposed",        "error_added",
                                        "logged",        "mutation_queued", "mutation_skipped",
                                        "queue_end",     "transition_init", "transition_start",
                                        "handler_start", "handler_end",     "transition_finals",
                                        "transition_end"};

  explicit Thrower(std::string_view where) : where_(where) {}
  int thrown() const noexcept { return thrown_; }

  void machine_init(const am::Api&) override { here("machine_init"); }
  void submachine(const am::Api&) override { here("submachine"); }
  void schema_changed(const am::CompiledSchema&, const am::CompiledSchema&) override {
    here("schema_changed");
  }
  void restored(std::span<const am::TickChange>) override { here("restored"); }
  void disposed() override { here("disposed"); }
  void error_added(const am::ErrorInfo&) override { here("error_added"); }
  am::LogLevel log_level() const noexcept override { return am::LogLevel::everything; }
  void logged(am::LogLevel, std::string_view) override { here("logged"); }
  void mutation_queued(const am::QueuedMutation&) override { here("mutation_queued"); }
  void mutation_skipped(const am::QueuedMutation&) override { here("mutation_skipped"); }
  void queue_end() override { here("queue_end"); }
  void transition_init(const am::Transition&) override { here("transition_init"); }
  void transition_start(const am::Transition&) override { here("transition_start"); }
  void handler_start(const am::Transition&, const am::HandlerCall&) override {
    here("handler_start");
  }
  void handler_end(const am::Transition&, const am::HandlerCall&) override { here("handler_end"); }
  void transition_finals(const am::Transition&) override { here("transition_finals"); }
  void transition_end(const am::Transition&) override { here("transition_end"); }

 private:
  void here(std::string_view callback) {
    if (callback != where_) return;
    ++thrown_;
    throw std::runtime_error("a tracer has failed");
  }

  const std::string_view where_;
  int thrown_ = 0;
};

/// Does something that every callback is told of. Returns what came of it.
std::string everything_told(const std::shared_ptr<am::Tracer>& first) {
  const auto counting = std::make_shared<am::CountingTracer>();
  am::Machine m{{{"A", {}}, {"B", {.automatic = true}}, {"C", {}}},
                {.id = "me", .tracers = {first, counting}}};
  std::string results;
  const auto note = [&](const am::Result& result) { results += fmt::format("{};", result); };
  const auto fresh = m.save();
  m.restore(fresh);
  m.on("AState", [](am::Event& e) {
    e.machine().add("C");
    e.machine().add("C");
  });
  m.on("CState", [](am::Event&) { throw std::runtime_error("a handler has failed"); });
  const am::Machine child{am::Schema{{"X", {}}}, {.parent = m}};
  note(m.add("A"));
  note(m.remove("A"));
  note(m.can_add("C"));
  note(m.add_error({"told"}));
  note(m.extend_schema({{"A", {}}, {"B", {.automatic = true}}, {"C", {}}, {"D", {}}}));
  note(m.add("D"));
  m.when("D").wait();
  results += fmt::format("{:a};", m);
  m.dispose();
  const auto counts = counting->counters();
  return results + fmt::format("{} {} {} {} {} {} {}", counts.transitions, counts.canceled,
                               counts.changed_states, counts.handler_calls, counts.errors,
                               counts.mutations_queued, counts.mutations_skipped);
}

TEST(Tracers, may_throw_in_any_callback) {
  const auto undisturbed = everything_told(std::make_shared<Thrower>("nowhere"));
  for (const auto* const callback : Thrower::callbacks) {
    const auto thrower = std::make_shared<Thrower>(callback);
    EXPECT_EQ(everything_told(thrower), undisturbed) << callback;
    EXPECT_GT(thrower->thrown(), 0) << callback;
  }
}

}  // namespace
