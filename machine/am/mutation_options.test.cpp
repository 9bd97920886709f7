#include <am/mutation_options.hpp>

#include <am/machine.hpp>
#include <am/testing.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using am::Reason;
using am::Result;

// -- ttl ----------------------------------------------------------------------------------

/// A machine that is in AState, after which `wait` has passed.
struct Late {
  std::shared_ptr<am::FakeTimers> timers = std::make_shared<am::FakeTimers>();
  am::Machine machine{{{"A", {}}, {"B", {}}, {"C", {}}}, {.timers = timers}};

  template <class F>
  Late(std::chrono::milliseconds wait, F in_handler) {
    machine.on("AState", [this, wait, in_handler](am::Event&) {
      in_handler(machine);
      timers->advance(wait);
    });
    machine.add("A");
  }
};

TEST(MutationTtl, lets_a_mutation_run_in_time) {
  Late late(9ms, [](am::Machine& m) { m.add("B", {}, {.ttl = 10ms}); });
  EXPECT_TRUE(late.machine.is("B"));
}

TEST(MutationTtl, cancels_what_is_taken_too_late) {
  Late late(10ms, [](am::Machine& m) {
    EXPECT_EQ(m.add("B", {}, {.ttl = 10ms}), Result::queued);
    EXPECT_EQ(m.add("C"), Result::queued);
  });
  EXPECT_FALSE(late.machine.is("B"));
  EXPECT_TRUE(late.machine.is("C"));
}

TEST(MutationTtl, lets_the_queue_tick_of_an_expired_mutation_pass) {
  am::Wait ended;
  am::QueueTick tick;
  Late late(10ms, [&](am::Machine& m) {
    tick = m.add("B", {}, {.ttl = 1ms}).queue_tick();
    ended = m.when_queue(tick);
  });
  EXPECT_EQ(ended.wait_for(0ms), am::Ended::fired);
  EXPECT_EQ(late.machine.queue_tick(), tick);
}

TEST(MutationTtl, tells_who_waits_for_the_outcome) {
  std::optional<am::Pending<Result>> outcome;
  Late late(10ms, [&](am::Machine& m) { outcome = m.add_async("B", {}, {.ttl = 1ms}); });
  EXPECT_EQ(outcome->get(), (Result{Result::canceled, Reason::expired}));
}

TEST(MutationTtl, keeps_no_other_mutation_from_being_queued) {
  Late late(10ms, [](am::Machine& m) {
    const auto first = m.add("B", {}, {.ttl = 1ms});
    EXPECT_NE(m.add("B").queue_tick(), first.queue_tick());
  });
  EXPECT_TRUE(late.machine.is("B"));
}

/// Whether a mutation runs that is due after 5 ms with a ttl of 10 ms, on a machine that is busy
/// for `busy`.
bool runs_when_due(std::chrono::milliseconds busy) {
  const auto timers = std::make_shared<am::FakeTimers>();
  am::Machine m{{{"A", {}}, {"B", {}}}, {.timers = timers}};
  std::promise<void> inside;
  std::promise<void> go;
  m.on("AState", [&](am::Event&) {
    inside.set_value();
    go.get_future().wait();
  });
  std::thread drainer([&] { m.add("A"); });
  inside.get_future().wait();
  m.add_after(5ms, "B", {}, {.ttl = 10ms});
  timers->advance(busy);
  go.set_value();
  drainer.join();
  return m.is("B");
}

TEST(MutationTtl, of_a_delayed_mutation_runs_from_when_it_is_due) {
  EXPECT_TRUE(runs_when_due(14ms));
  EXPECT_FALSE(runs_when_due(15ms));
}

TEST(MutationOptions, of_a_delayed_mutation_say_where_it_comes_from) {
  std::string source;
  Late told(0ms, [](am::Machine&) {});
  told.machine.on("BState", [&](am::Event& e) {
    source = fmt::format("{}/{}/{}", e.transition().source.machine,
                         e.transition().source.transition, e.transition().source.time);
  });
  told.machine.add_after(5ms, "B", {}, {.source = {std::string("else") + "where", 7, 8}});
  told.timers->advance(5ms);
  EXPECT_EQ(source, "elsewhere/7/8");
}

TEST(MutationTtl, may_be_longer_than_any_clock_counts) {
  Late late(10ms, [](am::Machine& m) { m.add("B", {}, {.ttl = std::chrono::hours::max()}); });
  EXPECT_TRUE(late.machine.is("B"));
}

TEST(Checks, wait_for_a_busy_machine_no_longer_than_their_ttl) {
  am::Machine m{{{"A", {}}, {"B", {}}}};
  std::promise<void> inside;
  std::promise<void> go;
  int asked = 0;
  m.on("AState", [&](am::Event&) {
    inside.set_value();
    go.get_future().wait();
  });
  m.on("BEnter", [&](am::Event&) { return ++asked != 0; });
  std::thread drainer([&] { m.add("A"); });
  inside.get_future().wait();
  const Result expired{Result::canceled, Reason::expired};
  EXPECT_EQ(m.can_add("B", {}, {.ttl = 1ms}), expired);
  EXPECT_EQ(m.can_remove("A", {}, {.ttl = 1ms}), expired);
  go.set_value();
  drainer.join();
  EXPECT_EQ(asked, 0);  // nobody waits for the answer
  EXPECT_EQ(m.can_add("B", {}, {.ttl = 1h}), Result::executed);
  EXPECT_EQ(asked, 1);
}

// -- validate -----------------------------------------------------------------------------

TEST(Validate, refuses_mutations_before_they_are_queued) {
  am::Machine m{{{"A", {}}, {"B", {}}}, {.validate = [](const am::MutationRequest& request) {
                  return request.name(request.called.front()) != "B";
                }}};
  EXPECT_EQ(m.add("A"), Result::executed);
  EXPECT_EQ(m.add("B"), (Result{Result::canceled, Reason::denied}));
  EXPECT_EQ(m.can_add("B"), (Result{Result::canceled, Reason::denied}));
  EXPECT_EQ(m.add_async("B").get(), (Result{Result::canceled, Reason::denied}));
  EXPECT_EQ(m.queue_tick(), am::QueueTick{2});
}

struct Key {
  int cuts = 0;
};

TEST(Validate, sees_type_states_and_arguments) {
  std::vector<std::string> seen;
  am::Machine m{{{"A", {}}, {"B", {}}}, {.validate = [&](const am::MutationRequest& request) {
                  const auto* key = request.args.get_if<Key>();
                  std::string text = am::to_string(request.type);
                  for (const auto s : request.called) text += " " + std::string(request.name(s));
                  if (key != nullptr) text += " " + std::to_string(key->cuts);
                  if (request.check) text += "?";
                  seen.push_back(text);
                  return true;
                }}};
  m.add({"A", "B"}, Key{7});
  m.toggle("A");
  m.set("B");
  m.can_remove("B");
  EXPECT_EQ(seen, (std::vector<std::string>{"add A B 7", "remove A", "set B", "remove B?"}));
}

TEST(Validate, is_not_asked_about_what_the_machine_adds) {
  int asked = 0;
  am::Machine m{{{"A", {}}, {"Auto", {.automatic = true, .require = {"A"}}}},
                {.validate = [&](const am::MutationRequest&) { return ++asked != 0; }}};
  m.on("AutoState", [](am::Event&) { throw std::runtime_error("x"); });
  m.add("A");
  EXPECT_TRUE(m.is("Exception"));
  EXPECT_EQ(asked, 1);
}

TEST(Validate, lets_what_it_throws_reach_the_caller) {
  am::Machine m{{{"A", {}}}, {.validate = [](const am::MutationRequest&) -> bool {
                  throw std::invalid_argument("not like this");
                }}};
  std::string told;
  m.on_internal_error([&](const am::ErrorInfo& e) { told = e.message; });
  EXPECT_THROW(m.add("A"), std::invalid_argument);
  EXPECT_FALSE(m.is("A"));
  EXPECT_EQ(m.add_async("A").get(), (Result{Result::canceled, Reason::denied}));
  EXPECT_EQ(told, "not like this");
}

TEST(Validate, keeps_refused_errors_from_being_the_last) {
  am::Machine m{{{"A", {}}}, {.validate = [](const am::MutationRequest&) { return false; }}};
  const auto refused = m.add_async("Exception", am::ErrorInfo{"x"});
  EXPECT_EQ(refused.get(), (Result{Result::canceled, Reason::denied}));
  EXPECT_FALSE(m.last_error().has_value());
}

TEST(Validate, is_not_asked_about_errors_that_are_reported) {
  am::Machine m{{{"A", {}}, {"ErrDisk", {.require = {"Exception"}}}},
                {.validate = [](const am::MutationRequest&) { return false; }}};
  EXPECT_EQ(m.add("Exception"), (am::Result{am::Result::canceled, am::Reason::denied}));
  EXPECT_EQ(m.add_error({"disk full", "here"}, {"ErrDisk"}), am::Result::executed);
  EXPECT_TRUE(m.is("ErrDisk"));
  EXPECT_EQ(m.last_error()->message, "disk full");
}

}  // namespace
