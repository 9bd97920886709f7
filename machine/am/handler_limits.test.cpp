#include <am/machine.hpp>
#include <am/testing.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using am::HandlersRun;
using am::Reason;
using am::Result;

/// Longer than any of it takes.
constexpr auto patience = 20s;

/// Keeps a handler busy until its time is up.
void overrun(const am::Event& event) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (event.is_valid() && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(1ms);
  }
}

/// Collects internal errors; of any thread.
struct Errors {
  std::mutex mutex;
  std::vector<std::string> texts;

  void listen(am::Machine& machine) {
    machine.on_internal_error([this](const am::ErrorInfo& error) {
      const std::lock_guard lock(mutex);
      texts.push_back(error.message);
    });
  }
  std::size_t count() {
    const std::lock_guard lock(mutex);
    return texts.size();
  }
};

// -- a timeout, on both kinds of threads ------------------------------------------------------

class Timeout : public ::testing::TestWithParam<HandlersRun> {
 protected:
  am::MachineOptions options() const {
    return {.handlers = GetParam(), .handler_timeout = 10ms, .handler_deadline = patience};
  }
};

INSTANTIATE_TEST_SUITE_P(Handlers, Timeout,
                         ::testing::Values(HandlersRun::on_drainer, HandlersRun::on_own_thread),
                         [](const auto& param) {
                           return param.param == HandlersRun::on_drainer ? "OnDrainer"
                                                                         : "OnOwnThread";
                         });

TEST_P(Timeout, leaves_handlers_alone_that_return_in_time) {
  am::Machine m{{{"A", {}}}, {.handlers = GetParam(), .handler_timeout = patience}};
  bool valid = false;
  m.on("AState", [&](am::Event& e) { valid = e.is_valid(); });
  EXPECT_EQ(m.add("A"), Result::executed);
  EXPECT_TRUE(valid);
}

TEST_P(Timeout, cancels_when_a_negotiation_handler_overruns) {
  am::Machine m{{{"A", {}}}, options()};
  m.on("AEnter", [](am::Event& e) {
    overrun(e);
    return true;
  });
  EXPECT_EQ(m.add("A"), (Result{Result::canceled, Reason::timeout}));
  EXPECT_EQ(m.tick("A"), am::Tick{0});
  EXPECT_FALSE(m.is("Exception"));
}

TEST_P(Timeout, rolls_back_when_a_final_handler_overruns) {
  am::Machine m{{{"A", {}}}, options()};
  Errors errors;
  errors.listen(m);
  m.on("AState", [](am::Event& e) { overrun(e); });
  EXPECT_EQ(m.add("A"), (Result{Result::canceled, Reason::timeout}));
  EXPECT_EQ(m.tick("A"), am::Tick{2});
  EXPECT_FALSE(m.is("Exception"));
  ASSERT_EQ(errors.count(), 1U);
  EXPECT_NE(errors.texts[0].find("handler timeout: AState"), std::string::npos);
}

TEST_P(Timeout, keeps_what_the_failing_handler_is_not_responsible_for) {
  const auto run = [&](const char* handler) {
    am::Machine m{{{"A", {}}, {"B", {}}, {"C", {}}}, options()};
    m.add({"A", "C"});
    m.on(handler, [](am::Event& e) { overrun(e); });
    EXPECT_EQ(m.set({"B", "C"}).reason(), Reason::timeout) << handler;
    EXPECT_FALSE(m.is("Exception"));
    const auto names = m.active_states();  // which the machine keeps
    return std::vector<std::string>(names.begin(), names.end());
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(run("BEnter"), (Names{"A", "C"}));
  EXPECT_EQ(run("AEnd"), (Names{"B", "C"}));
  EXPECT_EQ(run("BState"), (Names{"C"}));
  EXPECT_EQ(run("AnyState"), (Names{"B", "C"}));
}

TEST_P(Timeout, is_told_to_tracers) {
  struct Outcomes : am::Tracer {
    std::vector<am::HandlerCall::Outcome> seen{};
    void handler_end(const am::Transition&, const am::HandlerCall& call) override {
      seen.push_back(call.outcome);
    }
  };
  const auto outcomes = std::make_shared<Outcomes>();
  am::Machine m{{{"A", {}}}, options()};
  m.trace(outcomes);
  m.on_enter("A", [](am::Event& e) {
    overrun(e);
    return true;
  });
  EXPECT_EQ(m.add("A"), Result::canceled);
  EXPECT_EQ(outcomes->seen, std::vector{am::HandlerCall::Outcome::timed_out});
}

TEST_P(Timeout, makes_an_exception_of_what_a_late_handler_throws) {
  am::Machine m{{{"A", {}}}, options()};
  m.on("AState", [](am::Event& e) {
    overrun(e);
    throw std::runtime_error("late, and wrong");
  });
  EXPECT_EQ(m.add("A"), (Result{Result::canceled, Reason::error}));
  EXPECT_TRUE(m.is("Exception"));
}

// -- a thread of their own ----------------------------------------------------------------------

am::MachineOptions own_thread() {
  return {.handlers = HandlersRun::on_own_thread, .handler_timeout = patience};
}

TEST(HandlerThread, has_no_limit_when_it_is_negative) {
  am::Machine m{{{"A", {}}},
                {.handlers = HandlersRun::on_own_thread,
                 .handler_timeout = -1ms,
                 .handler_deadline = patience}};
  bool valid = false;
  m.on("AState", [&](am::Event& e) { valid = e.is_valid(); });
  EXPECT_EQ(m.add("A"), Result::executed);
  EXPECT_TRUE(valid);
}

TEST(HandlerThread, runs_all_handlers_on_one_other_thread) {
  am::Machine m{{{"A", {}}, {"B", {}}}, own_thread()};
  std::vector<std::thread::id> ids;
  const auto note = [&](am::Event&) { ids.push_back(std::this_thread::get_id()); };
  m.on("AState", note);
  m.on("BState", note);
  m.add("A");
  m.add("B");
  ASSERT_EQ(ids.size(), 2U);
  EXPECT_EQ(ids[0], ids[1]);
  EXPECT_NE(ids[0], std::this_thread::get_id());
}

TEST(HandlerThread, lets_handlers_refuse_and_throw) {
  am::Machine m{{{"A", {}}, {"B", {}}}, own_thread()};
  m.on("AEnter", [](am::Event&) { return false; });
  m.on("BState", [](am::Event&) { throw std::runtime_error("x"); });
  EXPECT_EQ(m.add("A"), (Result{Result::canceled, Reason::handler}));
  EXPECT_EQ(m.add("B"), (Result{Result::canceled, Reason::error}));
  EXPECT_EQ(m.last_error()->message, "x");
}

TEST(HandlerThread, queues_what_handlers_mutate_and_never_blocks_them) {
  am::Machine m{{{"A", {}}, {"B", {}}, {"C", {}}}, own_thread()};
  int would_deadlock = 0;
  m.on("AState", [&](am::Event& e) {
    EXPECT_EQ(e.machine().add("B"), Result::queued);
    EXPECT_EQ(e.machine().can_add("C"), Result::queued);
    EXPECT_FALSE(m.eval([] {}, patience));
    try {
      e.machine().when("C").wait_for(patience);
    } catch (const am::Error& error) {
      would_deadlock += error.code() == am::Errc::would_deadlock ? 1 : 0;
    }
  });
  EXPECT_EQ(m.add("A"), Result::executed);
  EXPECT_TRUE(m.is({"A", "B"}));
  EXPECT_EQ(would_deadlock, 1);
}

TEST(HandlerThread, passes_arguments_and_the_transition) {
  struct Key {
    int cuts = 0;
  };
  am::Machine m{{{"A", {}}}, own_thread()};
  int cuts = 0;
  bool called = false;
  m.on("AState", [&](am::Event& e) {
    cuts = e.args<Key>().cuts;
    called = e.transition().is_called("A");
  });
  m.add("A", Key{3});
  EXPECT_EQ(cuts, 3);
  EXPECT_TRUE(called);
}

TEST(HandlerThread, has_an_asynchronous_outcome_wait_for_what_handlers_queue) {
  am::Machine m{{{"A", {}}, {"B", {}}}, own_thread()};
  m.on("AState", [](am::Event& e) { e.machine().add("B"); });
  std::thread::id told;
  m.when("B").then([&] { told = std::this_thread::get_id(); });
  EXPECT_EQ(m.add_async("A").get(), Result::executed);
  EXPECT_TRUE(m.is("B"));
  EXPECT_EQ(told, std::this_thread::get_id());
}

TEST(HandlerThread, knows_machines_that_wait_for_machines) {
  am::Machine inner{{{"B", {}}}, own_thread()};
  am::Machine outer{{{"A", {}}, {"C", {}}}, own_thread()};
  am::Api to_outer = outer;
  Result check;
  inner.on("BState", [&](am::Event&) { check = to_outer.can_add("C"); });
  outer.on("AState", [&](am::Event&) { EXPECT_EQ(inner.add("B"), Result::executed); });
  EXPECT_EQ(outer.add("A"), Result::executed);
  EXPECT_EQ(check, Result::queued);
}

TEST(HandlerThread, lets_a_handler_dispose_of_its_machine) {
  am::Machine m{{{"A", {}}, {"B", {}}}, own_thread()};
  bool b = false;
  m.on("BState", [&](am::Event&) { b = true; });
  m.on("AState", [&](am::Event&) {
    m.add("B");
    EXPECT_TRUE(m.dispose());
  });
  m.add("A");
  EXPECT_TRUE(m.disposed());
  EXPECT_FALSE(b);
  EXPECT_EQ(m.when("B").wait_for(0ms), am::Ended::disposed);
}

// -- abandoned handlers -------------------------------------------------------------------------

/// A machine whose AState does not return before it is let go.
struct Stuck {
  std::shared_ptr<am::FakeTimers> timers = std::make_shared<am::FakeTimers>();
  std::promise<void> go;
  std::shared_future<void> gone = go.get_future().share();
  std::promise<std::string> returned;
  std::function<void(am::Event&)> before = [](am::Event&) {};
  std::function<std::string(am::Event&)> after = [](am::Event& e) { return e.name(); };
  std::optional<am::Machine> machine;

  /// `limit`: long enough for handlers that are not to be abandoned.
  explicit Stuck(std::chrono::milliseconds limit = 5ms) {
    machine.emplace(
        am::Schema{{"A", {}}, {"B", {}}, {"ErrHandlerTimeout", {.require = {"Exception"}}}},
        am::MachineOptions{.timers = timers,
                           .handlers = HandlersRun::on_own_thread,
                           .handler_timeout = limit,
                           .handler_deadline = 5ms,
                           .handler_backoff = 300ms});
    machine->on("AState", [this, gone = gone](am::Event& e) {
      before(e);
      gone.wait();
      returned.set_value(after(e));
    });
  }
  /// Waits until the handler has returned.
  std::string let_go() {
    auto future = returned.get_future();
    go.set_value();
    return future.get();
  }
};

TEST(HandlerLimits, may_be_longer_than_any_clock_counts) {
  constexpr auto most = std::chrono::hours::max();
  for (const auto where : {HandlersRun::on_drainer, HandlersRun::on_own_thread}) {
    am::Machine m{{{"Start", {}}, {"A", {}}},
                  {.dispose_timeout = most,
                   .handlers = where,
                   .handler_timeout = most,
                   .handler_deadline = most,
                   .handler_backoff = most}};
    bool valid = false;
    m.on("AState", [&](am::Event& e) { valid = e.is_valid(); });
    EXPECT_EQ(m.add({"Start", "A"}), Result::executed);
    EXPECT_TRUE(valid);
    EXPECT_TRUE(m.eval([] {}, most));
    EXPECT_EQ(m.extend_schema({{"Start", {}}, {"A", {}}, {"B", {}}}, most), Result::executed);
    EXPECT_TRUE(m.dispose());
  }
}

TEST(AbandonedHandler, rolls_back_and_adds_the_error) {
  Stuck stuck;
  auto& m = *stuck.machine;
  EXPECT_EQ(m.add("A"), (Result{Result::canceled, Reason::timeout}));
  EXPECT_TRUE(m.is({"Exception", "ErrHandlerTimeout"}));
  EXPECT_FALSE(m.is("A"));
  EXPECT_NE(m.last_error()->message.find("handler timeout: AState"), std::string::npos);
  EXPECT_EQ(stuck.let_go(), "AState");
}

TEST(AbandonedHandler, empties_the_queue_and_tells_who_waits) {
  Stuck stuck(1s);
  auto& m = *stuck.machine;
  std::optional<am::Pending<Result>> outcome;
  std::optional<am::Wait> ended;
  am::QueueTick tick;
  stuck.before = [&](am::Event& e) {
    tick = e.machine().add("B").queue_tick();
    ended = e.machine().when_queue(tick);
    outcome = e.machine().remove_async("B");
  };
  EXPECT_EQ(m.add("A").reason(), Reason::timeout);
  EXPECT_EQ(ended->wait_for(0ms), am::Ended::fired);
  EXPECT_EQ(outcome->get(), (Result{Result::canceled, Reason::timeout}));
  EXPECT_GT(m.queue_tick(), tick);
  EXPECT_EQ(m.tick("B"), am::Tick{0});
  stuck.let_go();
}

TEST(AbandonedHandler, makes_the_machine_refuse_mutations_for_a_while) {
  Stuck stuck;
  auto& m = *stuck.machine;
  EXPECT_FALSE(m.backoff_until().has_value());
  m.add("A");
  EXPECT_EQ(m.backoff_until(), stuck.timers->now() + 300ms);
  const Result backoff{Result::canceled, Reason::backoff};
  EXPECT_EQ(m.add("B"), backoff);
  EXPECT_EQ(m.remove("B"), backoff);
  EXPECT_EQ(m.set("B"), backoff);
  EXPECT_EQ(m.toggle("B"), backoff);
  EXPECT_EQ(m.can_add("B"), backoff);
  EXPECT_EQ(m.add_async("B").get(), backoff);
  EXPECT_EQ(m.add_error({"another"}), Result::executed);
  EXPECT_TRUE(m.eval([] {}));
  stuck.timers->advance(299ms);
  EXPECT_EQ(m.add("B"), backoff);
  stuck.timers->advance(1ms);
  EXPECT_FALSE(m.backoff_until().has_value());
  EXPECT_EQ(m.add("B"), Result::executed);
  stuck.let_go();
}

TEST(AbandonedHandler, refuses_those_who_waited_for_room) {
  std::promise<void> inside;
  std::promise<void> go;
  std::promise<void> returned;
  const auto timers = std::make_shared<am::FakeTimers>();
  am::Machine m{{{"A", {}}, {"B", {}}, {"C", {}}},
                {.queue_limit = 1,
                 .queue_full = am::QueueFull::block,
                 .timers = timers,
                 .handlers = HandlersRun::on_own_thread,
                 .handler_timeout = 1s,
                 .handler_deadline = 5ms,
                 .handler_backoff = 300ms}};
  m.on("AState", [&](am::Event& e) {
    EXPECT_EQ(e.machine().add("B"), Result::queued);
    inside.set_value();
    go.get_future().wait();
    returned.set_value();
  });
  std::thread drainer([&] { EXPECT_EQ(m.add("A").reason(), Reason::timeout); });
  inside.get_future().wait();
  EXPECT_EQ(m.add("C"), (Result{Result::canceled, Reason::backoff}));  // the queue is full
  drainer.join();
  EXPECT_EQ(m.tick("C"), am::Tick{0});
  timers->advance(300ms);
  EXPECT_EQ(m.add("C"), Result::executed);
  go.set_value();
  returned.get_future().wait();
}

TEST(AbandonedHandler, may_have_disposed_of_its_machine) {
  Stuck stuck(1s);
  auto& m = *stuck.machine;
  bool ended = false;
  m.on_dispose([&] { ended = true; });
  const auto wait = m.when("B");
  stuck.before = [&](am::Event& e) {
    e.machine().add("B");
    EXPECT_TRUE(m.dispose());
  };
  EXPECT_EQ(m.add("A").reason(), Reason::timeout);
  EXPECT_TRUE(m.disposed());
  EXPECT_TRUE(ended);
  EXPECT_EQ(wait.wait_for(0ms), am::Ended::disposed);
  stuck.machine.reset();
  EXPECT_EQ(stuck.let_go(), "AState");
}

TEST(AbandonedHandler, ends_the_drains_that_it_is_in) {
  Stuck stuck(1s);
  auto& m = *stuck.machine;
  am::Machine inner{{{"C", {}}, {"D", {}}}};
  std::promise<void> inside;
  Result to_outer;
  inner.on("CState", [&](am::Event& e) {
    e.machine().add("D");
    stuck.gone.wait();
    // Abandoned by now: whoever drains `m`, it is not waiting for this thread.
    to_outer = m.add("B");
    EXPECT_EQ(m.when("B").wait_for(patience), am::Ended::fired);
  });
  std::promise<void> told;
  inner.when("D").then([&] { told.set_value(); });
  stuck.before = [&](am::Event&) { EXPECT_EQ(inner.add("C"), Result::executed); };
  EXPECT_EQ(m.add("A").reason(), Reason::timeout);
  EXPECT_EQ(inner.add("D"), Result::queued);  // the abandoned thread still drains it
  stuck.timers->advance(300ms);
  EXPECT_EQ(stuck.let_go(), "AState");
  told.get_future().wait();
  EXPECT_EQ(to_outer, Result::executed);
  EXPECT_TRUE(inner.is({"C", "D"}));
  EXPECT_TRUE(m.is("B"));
  EXPECT_EQ(inner.remove("D"), Result::executed);
}

TEST(AbandonedHandler, is_followed_by_handlers_on_another_thread) {
  Stuck stuck(1s);
  auto& m = *stuck.machine;
  m.add("A");
  stuck.timers->advance(300ms);
  bool ran = false;
  m.on("BState", [&](am::Event&) { ran = true; });
  EXPECT_EQ(m.add("B"), Result::executed);
  EXPECT_TRUE(ran);
  stuck.let_go();
}

TEST(AbandonedHandler, mutates_as_any_other_thread_when_it_goes_on) {
  Stuck stuck;
  auto& m = *stuck.machine;
  stuck.after = [](am::Event& e) {
    EXPECT_FALSE(e.is_valid());
    return std::string(to_string(e.machine().add("B").kind()));
  };
  m.add("A");
  stuck.timers->advance(300ms);
  EXPECT_EQ(stuck.let_go(), "executed");
  EXPECT_TRUE(m.is("B"));
}

TEST(AbandonedHandler, may_return_after_the_machine_is_gone) {
  struct Key {
    std::string text;
  };
  auto stuck = std::make_unique<Stuck>();
  stuck->after = [](am::Event& e) {
    std::string text = e.name() + " " + e.args<Key>().text + " " + e.machine().id();
    for (const auto s : e.transition().called) text += " " + std::string(e.transition().name(s));
    text += " " + std::string(to_string(e.machine().add("B").reason()));
    return text;
  };
  stuck->machine->add("A", Key{std::string(100, 'k')});
  const auto id = stuck->machine->id();
  stuck->machine.reset();
  EXPECT_EQ(stuck->let_go(), "AState " + std::string(100, 'k') + " " + id + " A disposed");
}

TEST(AbandonedHandler, is_reported_when_it_returns) {
  Stuck stuck;
  auto& m = *stuck.machine;
  Errors errors;
  errors.listen(m);
  m.add("A");
  EXPECT_EQ(errors.count(), 1U);
  stuck.let_go();
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (errors.count() < 2 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  EXPECT_EQ(errors.count(), 2U);
}

}  // namespace
