#include <am/machine.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <thread>

namespace {

using namespace std::chrono_literals;
using am::Result;

am::Schema door() {
  return {{"Closed", {.remove = {"Open"}}},
          {"Open", {.remove = {"Closed"}}},
          {"Locked", {.require = {"Closed"}}}};
}

// -- the first screen ---------------------------------------------------------------------

TEST(Machine, follows_relations_when_a_state_is_added) {
  am::Machine m{door()};
  EXPECT_EQ(m.add("Closed"), Result::executed);
  EXPECT_EQ(m.add("Locked"), Result::executed);
  EXPECT_TRUE(m.is({"Closed", "Locked"}));
  EXPECT_EQ(m.add("Open"), Result::executed);
  EXPECT_TRUE(m.is("Open"));
  EXPECT_FALSE(m.is("Locked"));
  EXPECT_FALSE(m.is({"Open", "Closed"}));
  EXPECT_TRUE(m.is_not({"Closed", "Locked"}));
  EXPECT_TRUE(m.any({"Closed", "Open"}));
}

TEST(Machine, answers_for_empty_lists_as_documented) {
  am::Machine m{door()};
  m.add("Open");
  EXPECT_TRUE(m.is({}));
  EXPECT_TRUE(m.is_not({}));
  EXPECT_FALSE(m.any({}));
  EXPECT_EQ(m.add({}), Result::executed);
  EXPECT_EQ(m.remove({}), Result::executed);
  EXPECT_EQ(m.set({}), Result::executed);
  EXPECT_TRUE(m.active_states().empty());
}

TEST(Machine, is_made_from_schemas_of_any_length_in_braces) {
  am::Machine none{{}};
  am::Machine one{{{"A", {}}}};
  am::Machine two{{{"A", {}}, {"B", {}}}};
  am::Machine five{{{"A", {}}, {"B", {}}, {"C", {}}, {"D", {}}, {"E", {}}}, {.id = "five"}};
  EXPECT_EQ(none.schema().size(), 1U);
  EXPECT_EQ(one.schema().size(), 2U);
  EXPECT_EQ(two.schema().size(), 3U);
  EXPECT_EQ(five.schema().size(), 6U);
  EXPECT_EQ(five.id(), "five");
}

TEST(Machine, counts_activations_and_deactivations_in_ticks) {
  am::Machine m{{{"A", {}}, {"M", {.multi = true}}}};
  m.add("A");
  m.remove("A");
  EXPECT_EQ(m.tick("A"), am::Tick{2});
  m.add("M");
  m.add("M");
  EXPECT_EQ(m.tick("M"), am::Tick{3});
  EXPECT_EQ(m.time().sum(), 5U);
  EXPECT_EQ(m.queue_tick(), am::QueueTick{5});
}

TEST(Machine, refuses_what_relations_forbid_and_says_why) {
  am::Machine m{door()};
  EXPECT_EQ(m.add("Locked"), (Result{Result::canceled, am::Reason::requirement}));
  m.add({"Closed", "Locked"});
  am::Machine blocked{{{"A", {.remove = {"B"}}}, {"B", {}}}};
  blocked.add("A");
  EXPECT_EQ(blocked.add("B"), (Result{Result::canceled, am::Reason::relation}));
}

TEST(Machine, checks_without_changing_anything) {
  am::Machine m{door()};
  EXPECT_EQ(m.can_add("Locked"), Result::canceled);
  EXPECT_EQ(m.can_add("Open"), Result::executed);
  EXPECT_EQ(m.can_remove("Open"), Result::executed);
  EXPECT_EQ(m.time().sum(), 0U);
  EXPECT_EQ(m.queue_tick(), am::QueueTick{1});
}

TEST(Machine, suggests_a_name_with_two_letters_swapped) {
  am::Machine m{{{"Alpha", {}}, {"Albany", {}}, {"On", {}}}};
  const auto text = [&](std::string_view name) -> std::string {
    try {
      m.add(name);
    } catch (const am::Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(text("Alhpa"), "no state \"Alhpa\" (did you mean \"Alpha\"?)");
  EXPECT_EQ(text("lApha"), "no state \"lApha\" (did you mean \"Alpha\"?)");
  EXPECT_EQ(text("nO"), "no state \"nO\" (did you mean \"On\"?)");
  EXPECT_EQ(text("Ahlap"), "no state \"Ahlap\"");
}

TEST(Machine, throws_for_unknown_states_and_suggests_the_nearest) {
  am::Machine m{door()};
  for (const auto& call : std::vector<std::function<void()>>{
           [&] { m.add("Opem"); }, [&] { m.is("Opem"); },
           [&] {
             m.is({"Open", "Opem"});
           },
           [&] { m.tick("Opem"); }, [&] { m.when("Opem"); }, [&] { m.while_active("Opem"); },
           [&] { m.is_not("Opem"); }, [&] { m.any("Opem"); }, [&] { m.when_ticks("Opem", 1); }}) {
    try {
      call();
      FAIL() << "did not throw";
    } catch (const am::Error& e) {
      EXPECT_EQ(e.code(), am::Errc::unknown_state);
      EXPECT_STREQ(e.what(), "no state \"Opem\" (did you mean \"Open\"?)");
    }
  }
}

// -- queue --------------------------------------------------------------------------------

TEST(Queue, defers_mutations_made_in_handlers_and_numbers_them) {
  am::Machine m{{{"A", {}}, {"B", {}}, {"C", {}}}};
  std::vector<Result> nested;
  m.on("AState", [&](am::Event& e) {
    nested.push_back(e.machine().add("B"));
    nested.push_back(e.machine().add("C"));
    EXPECT_TRUE(e.machine().is_not({"B", "C"}));
  });
  EXPECT_EQ(m.add("A"), Result::executed);
  ASSERT_EQ(nested.size(), 2U);
  EXPECT_EQ(nested[0], (Result{Result::queued, am::Reason::none, am::QueueTick{3}}));
  EXPECT_EQ(nested[1], (Result{Result::queued, am::Reason::none, am::QueueTick{4}}));
  EXPECT_TRUE(m.is({"A", "B", "C"}));
}

TEST(Queue, refuses_beyond_its_limit_but_lets_errors_in) {
  am::Machine m{{{"A", {}}, {"B", {.multi = true}}}, {.queue_limit = 3}};
  std::vector<Result> nested;
  m.on("AState", [&](am::Event& e) {
    for (int i = 0; i < 4; ++i) nested.push_back(e.machine().add("B"));
    nested.push_back(e.machine().add_error({"boom"}));
  });
  m.add("A");
  ASSERT_EQ(nested.size(), 5U);
  EXPECT_EQ(nested[2], Result::queued);
  EXPECT_EQ(nested[3], (Result{Result::canceled, am::Reason::queue_full}));
  EXPECT_EQ(nested[4], Result::queued);
  EXPECT_TRUE(m.is("Exception"));
  EXPECT_EQ(m.tick("B"), am::Tick{5});
}

TEST(Queue, drops_a_mutation_that_is_pending_already_and_gives_its_tick) {
  am::Machine m{{{"A", {}}, {"B", {}}}};
  std::vector<std::uint64_t> ticks;
  m.on("AState", [&](am::Event& e) {
    for (int i = 0; i < 2; ++i) ticks.push_back(e.machine().add("B").queue_tick().value);
    ticks.push_back(e.machine().remove("B").queue_tick().value);
    ticks.push_back(e.machine().add("B").queue_tick().value);
  });
  m.add("A");
  EXPECT_EQ(ticks, (std::vector<std::uint64_t>{3, 3, 4, 5}));
  EXPECT_TRUE(m.is("B"));
}

// Vectors rule 7: a set ends the search for a twin, but only after it was compared itself.
TEST(Queue, drops_a_set_that_equals_the_last_one_pending) {
  am::Machine m{{{"A", {}}, {"B", {}}, {"C", {}}}};
  std::vector<std::uint64_t> ticks;
  m.on("AState", [&](am::Event& e) {
    for (int i = 0; i < 2; ++i) ticks.push_back(e.machine().set("B").queue_tick().value);
    ticks.push_back(e.machine().add("C").queue_tick().value);
    ticks.push_back(e.machine().set("B").queue_tick().value);
  });
  m.add("A");
  EXPECT_EQ(ticks, (std::vector<std::uint64_t>{3, 3, 4, 5}));
}

TEST(Queue, tells_when_a_queued_mutation_has_run_even_if_it_was_canceled) {
  am::Machine m{{{"A", {}}, {"B", {}}}};
  m.on("BEnter", [](am::Event&) { return false; });
  am::Wait ran;
  m.on("AState", [&](am::Event& e) {
    ran = e.machine().when_queue(e.machine().add("B").queue_tick());
    EXPECT_FALSE(ran.done());
  });
  m.add("A");
  EXPECT_EQ(ran.ended(), am::Ended::fired);
  EXPECT_EQ(m.when_queue(m.add("A").queue_tick()).ended(), am::Ended::fired);
}

// -- arguments and errors --------------------------------------------------------------------

struct Key {
  int teeth = 0;
};

TEST(Arguments, reach_every_handler_of_the_mutation) {
  am::Machine m{door()};
  m.on("ClosedEnter", [](am::Event& e) { return e.args<Key>().teeth == 5; });
  int seen = 0;
  m.on("ClosedState", [&](am::Event& e) { seen = e.args_if<Key>()->teeth; });
  EXPECT_EQ(m.add("Closed", Key{4}), (Result{Result::canceled, am::Reason::handler}));
  EXPECT_EQ(m.add("Closed", Key{5}), Result::executed);
  EXPECT_EQ(seen, 5);
}

TEST(Arguments, that_are_missing_become_an_exception_with_a_clear_text) {
  am::Machine m{door()};
  m.on("ClosedEnter", [](am::Event& e) { return e.args<Key>().teeth == 5; });
  EXPECT_EQ(m.add("Closed"), (Result{Result::canceled, am::Reason::error}));
  EXPECT_TRUE(m.is("Exception"));
  ASSERT_TRUE(m.last_error());
  EXPECT_EQ(m.last_error()->where, "ClosedEnter");
}

TEST(Arguments, hold_one_value_of_each_type_and_named_values) {
  const auto args =
      am::Args(Key{1}).with(std::string("text")).with(Key{2}).with("n", std::int64_t{3});
  EXPECT_EQ(args.get_if<Key>()->teeth, 2);
  EXPECT_EQ(*args.get_if<std::string>(), "text");
  EXPECT_EQ(std::get<std::int64_t>(*args.get_if("n")), 3);
  EXPECT_EQ(args.get_if<int*>(), nullptr);
  EXPECT_TRUE(am::Args{}.empty());
}

class ThrowsIn : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(ThrowsIn, a_handler_cancels_rolls_back_once_and_adds_exception) {
  const auto [handler, expected] = GetParam();
  am::Machine m{{{"A", {}}, {"B", {}}, {"C", {}}}};
  m.add({"A", "C"});
  m.on(handler, [armed = true](am::Event&) mutable {
    if (std::exchange(armed, false)) throw std::runtime_error("boom");
  });
  EXPECT_EQ(m.set({"B", "C"}), (Result{Result::canceled, am::Reason::error}));
  EXPECT_EQ(fmt::format("{:a}", m), expected);
  EXPECT_EQ(m.last_error()->message, "boom");
  EXPECT_EQ(m.last_error()->where, handler);
}

// Spec machine X-PanicWhere.
INSTANTIATE_TEST_SUITE_P(Where, ThrowsIn,
                         testing::Values(std::pair{"AExit", "(A:1 C:1 Exception:1) [B:0]"},
                                         std::pair{"BEnter", "(A:1 C:1 Exception:1) [B:0]"},
                                         std::pair{"CC", "(A:1 C:1 Exception:1) [B:0]"},
                                         std::pair{"CB", "(A:1 C:1 Exception:1) [B:0]"},
                                         std::pair{"AnyEnter", "(A:1 C:1 Exception:1) [B:0]"},
                                         std::pair{"AEnd", "(B:1 C:1 Exception:1) [A:2]"},
                                         std::pair{"BState", "(C:1 Exception:1) [A:2 B:2]"},
                                         std::pair{"AnyState", "(B:1 C:1 Exception:1) [A:2]"}),
                         [](const auto& where) { return std::string(where.param.first); });

TEST(Errors, tick_a_multi_state_once_when_another_handler_throws) {
  am::Machine m{{{"A", {}}, {"B", {}}, {"C", {}}, {"M", {.multi = true}}}};
  m.add({"A", "M"});
  m.on("BState", [](am::Event&) { throw std::runtime_error("boom"); });
  const auto fired = m.when("C");
  m.add({"C", "M", "B"});
  EXPECT_EQ(fmt::format("{:a}", m), "(A:1 C:1 M:3 Exception:1) [B:2]");
  EXPECT_EQ(fired.ended(), am::Ended::fired);
}

TEST(Errors, in_the_handlers_of_automatic_states_are_added_at_once) {
  am::Machine m{{{"A", {.automatic = true}}, {"B", {}}}};
  m.on_enter("A", [](am::Event&) { throw std::runtime_error("broken"); });
  EXPECT_EQ(m.add("B"), Result::executed);
  EXPECT_TRUE(m.is("Exception"));
  EXPECT_EQ(m.tick("Exception"), am::Tick{1});  // A is not tried again until something changes
  EXPECT_EQ(m.last_error()->where, "AEnter");
}

TEST(Errors, in_the_handlers_of_an_error_do_not_loop) {
  am::Machine m{{{"A", {}}}};
  m.on("ExceptionState", [](am::Event&) { throw std::runtime_error("again"); });
  EXPECT_EQ(m.add_error({"first"}), Result::canceled);
  EXPECT_EQ(m.last_error()->message, "again");
  EXPECT_EQ(m.add("A"), Result::executed);
}

TEST(Errors, carry_a_state_and_the_cause) {
  am::Machine m{{{"ErrDisk", {.require = {"Exception"}}}}};
  std::string seen;
  m.on("ErrDiskState", [&](am::Event& e) { seen = e.args<am::ErrorInfo>().message; });
  EXPECT_EQ(m.add_error({"disk is full"}, "ErrDisk"), Result::executed);
  EXPECT_TRUE(m.is({"ErrDisk", "Exception"}));
  EXPECT_EQ(seen, "disk is full");
  m.remove("Exception");
  EXPECT_TRUE(m.is_not("ErrDisk"));
  EXPECT_EQ(m.last_error()->message, "disk is full");
}

TEST(Errors, keep_the_arguments_that_the_caller_adds) {
  am::Machine m{{{"ErrDisk", {.require = {"Exception"}}}}};
  std::string message;
  const am::Value* volume = nullptr;
  m.on("ErrDiskState", [&](am::Event& e) {
    message = e.args<am::ErrorInfo>().message;
    volume = e.args().get_if("volume");
    ASSERT_NE(volume, nullptr);
    EXPECT_EQ(*volume, am::Value("sda"));
  });
  m.add_error({"disk is full"}, "ErrDisk", am::Args{}.with("volume", "sda"));
  EXPECT_EQ(message, "disk is full");
  EXPECT_NE(volume, nullptr);
  // An error among the arguments does not replace the one that is added.
  m.add_error({"it still is"}, "ErrDisk", am::Args(am::ErrorInfo{"old"}).with("volume", "sda"));
  EXPECT_EQ(m.last_error()->message, "it still is");
}

// -- contexts ---------------------------------------------------------------------------------

TEST(Contexts, stop_before_the_end_handlers_of_the_activation_run) {
  am::Machine m{{{"A", {}}}};
  m.add("A");
  const auto token = m.while_active("A");
  EXPECT_FALSE(token.stop_requested());
  bool stopped_in_end = false;
  m.on("AEnd", [&](am::Event&) { stopped_in_end = token.stop_requested(); });
  m.remove("A");
  EXPECT_TRUE(stopped_in_end);
}

TEST(Contexts, belong_to_one_activation) {
  am::Machine m{{{"A", {.multi = true}}}};
  EXPECT_TRUE(m.while_active("A").stop_requested());
  m.add("A");
  const auto first = m.while_active("A");
  std::stop_token inside;
  m.on("AState", [&](am::Event& e) { inside = e.machine().while_active("A"); });
  m.add("A");
  EXPECT_TRUE(first.stop_requested());
  EXPECT_FALSE(inside.stop_requested());
}

// -- life -----------------------------------------------------------------------------------

TEST(Dispose, ends_waits_contexts_and_mutations_of_handles_that_are_left) {
  std::optional<am::Machine> m{am::Machine{door()}};
  const am::Api handle = *m;
  m->add("Open");
  const auto wait = handle.when("Locked");
  const auto token = handle.while_active("Open");
  m.reset();
  EXPECT_EQ(wait.ended(), am::Ended::disposed);
  EXPECT_TRUE(token.stop_requested());
  EXPECT_TRUE(handle.disposed());
  am::Api copy = handle;
  EXPECT_EQ(copy.add("Closed"), (Result{Result::canceled, am::Reason::disposed}));
  EXPECT_EQ(handle.when("Closed").ended(), am::Ended::disposed);
  EXPECT_EQ(handle.when("Open").ended(), am::Ended::disposed);
}

TEST(Dispose, in_a_handler_of_the_machine_waits_for_the_transition) {
  auto m = std::make_unique<am::Machine>(door());
  bool ran_on = false;
  m->on("OpenState", [&](am::Event& e) {
    m.reset();
    ran_on = e.machine().is("Open");
  });
  EXPECT_EQ(m->add("Open"), Result::executed);
  EXPECT_TRUE(ran_on);
}

TEST(Dispose, lets_go_of_handlers_that_hold_the_machine) {
  const auto watched = std::make_shared<int>(0);
  {
    am::Machine m{door()};
    const am::Api handle = m;
    m.on("OpenState", [handle, watched, wait = m.when("Locked")](am::Event&) {});
    m.add("Open");
    EXPECT_EQ(watched.use_count(), 2);
  }
  EXPECT_EQ(watched.use_count(), 1);
}

TEST(Dispose, drops_what_is_queued_and_tells_tracers) {
  struct Tracer : am::Tracer {
    int count = 0;
    void disposed() override { ++count; }
  };
  am::Machine m{{{"A", {}}, {"B", {}}}};
  const auto tracer = std::make_shared<Tracer>();
  m.trace(tracer);
  m.on("AState", [&](am::Event& e) {
    e.machine().add("B");
    m.dispose();
  });
  m.add("A");
  EXPECT_FALSE(m.is("B"));
  EXPECT_EQ(tracer->count, 1);
  EXPECT_TRUE(m.dispose());
  EXPECT_EQ(tracer->count, 1);
}

// -- tracers ----------------------------------------------------------------------------------

TEST(Tracers, that_are_null_are_refused) {
  am::Machine m{door()};
  EXPECT_THROW(m.trace(nullptr), am::Error);
}

TEST(Tracers, see_every_transition_with_its_called_states_and_why_it_was_canceled) {
  struct Tracer : am::Tracer {
    std::vector<std::string> lines;
    void transition_end(const am::Transition& t) override {
      std::string line(t.automatic ? "auto " : "");
      line += am::to_string(t.type);
      for (const auto s : t.called) line += ' ' + std::string(t.name(s));
      if (!t.accepted) {
        line += fmt::format(" canceled by {}: {}", t.cancel.reason, t.name(t.cancel.by));
      }
      lines.push_back(line);
      throw std::runtime_error("ignored");
    }
  };
  am::Machine m{{{"A", {.automatic = true, .require = {"B"}}},
                 {"B", {}},
                 {"C", {.require = {"D"}}},
                 {"D", {}}}};
  const auto tracer = std::make_shared<Tracer>();
  const auto id = m.trace(tracer);
  m.add("B");
  m.add("C");
  EXPECT_EQ(tracer->lines,
            (std::vector<std::string>{"add B", "auto add A", "add C canceled by requirement: D"}));
  EXPECT_TRUE(m.detach(id));
  EXPECT_FALSE(m.detach(id));
  m.add("D");
  EXPECT_EQ(tracer->lines.size(), 3U);
}

// -- text ---------------------------------------------------------------------------------------

TEST(Format, writes_machines_in_three_forms) {
  am::Machine m{door()};
  m.add("Closed");
  m.add("Locked");
  m.add("Open");
  EXPECT_EQ(fmt::format("{}", m), "(Open:1)");
  EXPECT_EQ(fmt::format("{:a}", m), "(Open:1) [Closed:2 Locked:2 Exception:0]");
  EXPECT_EQ(fmt::format("{:i}", m),
            "0 Closed\n    |Tick     2\n    |Remove   Open\n"
            "1 Open\n    |Tick     1\n    |Remove   Closed\n"
            "0 Locked\n    |Tick     2\n    |Require  Closed\n"
            "0 Exception\n    |Tick     0\n    |Multi    true\n");
}

TEST(Format, writes_results_and_counters) {
  EXPECT_EQ(fmt::format("{}", Result{Result::canceled, am::Reason::handler}), "canceled (handler)");
  EXPECT_EQ(fmt::format("{}", Result{Result::queued, am::Reason::none, am::QueueTick{7}}),
            "queued at 7");
  EXPECT_EQ(fmt::format("{} {}", am::Tick{3}, am::Ended::timeout), "3 timeout");
}

}  // namespace
