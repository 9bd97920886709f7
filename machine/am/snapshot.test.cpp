#include <am/snapshot.hpp>

#include <am/machine.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;

am::Schema abc() { return {{"A", {}}, {"B", {}}, {"C", {}}}; }

TEST(Snapshot, brings_back_ticks_and_activity) {
  am::Machine m{abc(), {.id = "me"}};
  m.add({"B", "A"});
  m.remove("B");
  m.add("C");
  const auto saved = m.save();
  EXPECT_EQ(saved.names, (std::vector<std::string>{"A", "B", "C", "Exception"}));
  EXPECT_EQ(fmt::format("{}", saved.time), "1 2 1 0");
  EXPECT_EQ(saved.queue_tick.value, 4U);
  EXPECT_EQ(saved.machine_tick.value, 0U);

  am::Machine other{{{"C", {}}, {"B", {}}, {"A", {}}}, {.id = "me"}};
  other.restore(saved);
  EXPECT_EQ(fmt::format("{:a}", other), "(C:1 A:1) [B:2 Exception:0]");
  EXPECT_EQ(other.active_states(), (std::vector<std::string_view>{"A", "C"}));  // record order
  EXPECT_EQ(other.machine_tick().value, 1U);
  EXPECT_EQ(other.queue_tick().value, 1U);
  other.remove("C");
  EXPECT_EQ(fmt::format("{:a}", other), "(A:1) [C:2 B:2 Exception:0]");
}

TEST(Snapshot, is_checked_before_anything_changes) {
  am::Machine m{abc(), {.id = "me"}};
  const auto refuses = [&](const am::Snapshot& snapshot, const std::string& text) {
    try {
      m.restore(snapshot);
      ADD_FAILURE() << "was not refused: " << text;
    } catch (const am::Error& error) {
      EXPECT_NE(std::string(error.what()).find(text), std::string::npos) << error.what();
    }
    EXPECT_EQ(fmt::format("{:a}", m), "() [A:0 B:0 C:0 Exception:0]");
    EXPECT_EQ(m.machine_tick().value, 0U);
  };
  am::Machine source{abc(), {.id = "me"}};
  source.add({"A", "B"});
  const auto good = source.save();
  auto bad = good;
  bad.id = "you";
  refuses(bad, "\"you\"");
  bad = good;
  bad.names.pop_back();
  bad.time.ticks.pop_back();
  refuses(bad, "3 states");
  bad = good;
  bad.time.ticks.pop_back();
  refuses(bad, "3 ticks");
  bad = good;
  bad.names[1] = "Bee";
  refuses(bad, "Bee");
  bad = good;
  bad.names[1] = "A";
  refuses(bad, "twice");
  bad = good;
  bad.machine_tick = am::MachineTick{0xffffffff};
  refuses(bad, "32 bits");
}

TEST(Snapshot, is_not_restored_while_the_machine_runs_or_when_it_is_gone) {
  am::Machine m{abc()};
  const auto saved = m.save();
  bool refused = false;
  m.on("AState", [&](am::Event&) {
    try {
      m.restore(saved);
    } catch (const am::Error&) {
      refused = true;
    }
  });
  m.add("A");
  EXPECT_TRUE(refused);
  m.dispose();
  EXPECT_THROW(m.restore(saved), am::Error);
}

TEST(Snapshot, adds_machine_restored_where_the_schema_has_it) {
  am::Machine source{{{"A", {}}, {"MachineRestored", {}}}, {.id = "me"}};
  source.add("A");
  am::Machine m{{{"A", {}}, {"MachineRestored", {}}}, {.id = "me"}};
  bool told = false;
  m.on("MachineRestoredState", [&](am::Event& e) { told = e.machine().is("A"); });
  m.restore(source.save());
  EXPECT_TRUE(told);
  EXPECT_TRUE(m.is({"A", "MachineRestored"}));
}

TEST(Snapshot, ends_waits_for_what_it_brings_back) {
  am::Machine source{abc(), {.id = "me"}};
  source.add("A");
  am::Machine m{abc(), {.id = "me"}};
  const auto wait = m.when("A");
  m.restore(source.save());
  EXPECT_TRUE(wait.done());
}

TEST(Snapshot, is_told_to_tracers_once_it_shows) {
  struct Restored : am::Tracer {
    explicit Restored(const am::Machine& m) : machine(m) {}
    void restored(std::span<const am::TickChange> changes) override {
      text += fmt::format("{}:", machine.machine_tick().value);
      for (const auto& c : changes) {
        text += fmt::format(" {}:{}>{}", c.state, c.before.value, c.after.value);
        EXPECT_EQ(machine.time()[c.state], c.after);
      }
      text += ';';
    }
    void transition_end(const am::Transition&) override { text += "transition;"; }
    const am::Machine& machine;
    std::string text{};
  };
  am::Machine m{abc(), {.id = "me"}};
  m.add({"B", "A"});
  const auto saved = m.save();
  m.remove("A");
  m.add("C");
  const auto tracer = std::make_shared<Restored>(m);
  m.trace(tracer);
  m.restore(saved, am::Rewind::allowed);
  m.restore(saved);
  EXPECT_EQ(tracer->text, "1: 0:2>1 2:1>0;2:;");
}

TEST(Snapshot, lets_the_machine_tick_never_go_back) {
  am::Machine m{abc(), {.id = "me"}};
  const auto first = m.save();
  m.restore(first);
  m.restore(first);
  EXPECT_EQ(m.machine_tick().value, 2U);
  auto last = first;
  last.machine_tick = am::MachineTick{0xfffffffe};
  m.restore(last);
  EXPECT_EQ(m.machine_tick().value, 0xffffffffU);
  EXPECT_THROW(m.restore(first), am::Error);
}

TEST(Snapshot, heeds_relations_from_then_on) {
  const am::Schema schema{{"A", {.require = {"B"}}}, {"B", {}}, {"C", {.add = {"A"}}}};
  am::Machine source{schema, {.id = "me"}};
  source.add({"A", "B"});
  am::Machine m{schema, {.id = "me"}};
  m.restore(source.save());
  m.remove("B");
  EXPECT_EQ(fmt::format("{}", m), "()");
}

TEST(Snapshot, goes_through_text) {
  am::Machine m{abc(), {.id = "line\none \\ two\x01"}};
  m.add("B");
  const auto saved = m.save();
  const auto text = saved.to_text();
  EXPECT_EQ(text,
            "am-snapshot 2\nid line\\0aone \\5c two\\01\nqueue_tick 2\nmachine_tick 0\nstates 4\n"
            "A 0\nB 1\nC 0\nException 0\n");
  EXPECT_EQ(am::Snapshot::from_text(text), saved);
}

TEST(Snapshot, text_is_read_strictly) {
  const std::string clocks = "am-snapshot 2\nid x\nqueue_tick 1\nmachine_tick 0\n";
  const auto none = clocks + "states 0\n";
  const auto one = clocks + "states 1\n";
  EXPECT_NO_THROW(am::Snapshot::from_text(none));
  EXPECT_NO_THROW(am::Snapshot::from_text(one + "A 18446744073709551615\n"));
  for (const auto& bad :
       {std::string(),
        std::string("am-snapshot 1\n"),
        std::string("am-snapshot 2\n"),
        clocks,
        clocks + "A 1\n",
        clocks + "states\n",
        clocks + "states x\n",
        clocks + "states 65537\n",
        none.substr(0, none.size() - 1),
        none + "A 1\n",
        one,
        one + "A 1\nB 1\n",
        one + "A",
        one + "A\n",
        one + "A \n",
        one + " 1\n",
        one + "A 1 \n",
        one + "A -1\n",
        one + "A 18446744073709551616\n",
        clocks + "states 2\nA 1\nA 1\n",
        one + "A\t 1\n",
        one + "\n",
        one + "A 1\n\n",
        one + std::string(256, 'A') + " 1\n",
        std::string("am-snapshot 2\nid \\x\nqueue_tick 1\nmachine_tick 0\nstates 0\n"),
        std::string("am-snapshot 2\nid x\nqueue_tick 1\nmachine_tick 4294967295\nstates 0\n"),
        std::string(am::Snapshot::max_text + 1, 'x')}) {
    EXPECT_THROW(am::Snapshot::from_text(bad), am::Error) << bad.substr(0, 100);
  }
}

TEST(Snapshot, text_is_refused_wherever_it_is_cut) {
  am::Machine m{abc(), {.id = "me"}};
  m.add("B");
  const auto text = m.save().to_text();
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_THROW(am::Snapshot::from_text(text.substr(0, size)), am::Error) << size;
  }
}

TEST(Snapshot, of_the_largest_machine_fits_its_text) {
  am::Snapshot snapshot{.id = std::string(255, '\\')};
  for (std::size_t i = 0; i < am::max_states; ++i) {
    auto name = std::to_string(i);
    name.insert(0, am::max_state_name - name.size(), 'x');
    snapshot.names.push_back(name);
    snapshot.time.ticks.emplace_back(~std::uint64_t{0});
  }
  const auto text = snapshot.to_text();
  EXPECT_LE(text.size(), am::Snapshot::max_text);
  EXPECT_EQ(am::Snapshot::from_text(text), snapshot);
}

TEST(Snapshot, leaves_room_for_changes) {
  am::Machine m{abc()};
  auto saved = m.save();
  saved.time.ticks[0] = am::Tick{~std::uint64_t{0}};
  EXPECT_THROW(m.restore(saved), am::Error);
  EXPECT_EQ(m.tick("A").value, 0U);
}

/// A machine that is further than `saved`: A has gone, C has come.
struct Further {
  am::Machine m{abc(), {.id = "me"}};
  am::Snapshot saved{};

  Further() {
    m.add({"A", "B"});
    saved = m.save();
    m.remove("A");
    m.add("C");
  }
};

TEST(Snapshot, takes_no_clock_back_unless_told_so) {
  Further f;
  auto& m = f.m;
  const auto before = m.save();
  const auto wait = m.when_time("A", am::Tick{9});
  const auto context = m.while_active("C");
  try {
    m.restore(f.saved);
    FAIL() << "was restored";
  } catch (const am::Error& error) {
    EXPECT_EQ(error.code(), am::Errc::invalid_argument);
    EXPECT_STREQ(error.what(),
                 "machine \"me\" cannot be restored: the clock of state \"A\" would go back from 2 "
                 "to 1; restore a machine before it is used, or pass am::Rewind::allowed");
  }
  EXPECT_EQ(m.save(), before);
  EXPECT_FALSE(wait.done());
  EXPECT_FALSE(context.stop_requested());
  EXPECT_EQ(m.core()->epochs(), 0U);
}

TEST(Snapshot, that_takes_clocks_back_leaves_no_wait_for_ticks_unanswered) {
  Further f;
  auto& m = f.m;
  const auto time = m.when_time("A", am::Tick{9});
  const auto grown = m.when_ticks("B", 5);
  const auto next = m.when_next_active("C");
  const auto comes = m.when("A");
  const auto goes = m.when_not("C");
  const auto never = m.when("Exception");
  const auto queue = m.when_queue(am::QueueTick{99});
  const auto of_b = m.while_active("B");
  m.restore(f.saved, am::Rewind::allowed);
  EXPECT_EQ(time.ended(), am::Ended::epoch_changed);
  EXPECT_EQ(grown.ended(), am::Ended::epoch_changed);
  EXPECT_EQ(next.ended(), am::Ended::epoch_changed);
  EXPECT_EQ(comes.ended(), am::Ended::fired);
  EXPECT_EQ(goes.ended(), am::Ended::fired);
  EXPECT_FALSE(never.done());
  EXPECT_FALSE(queue.done());
  EXPECT_TRUE(of_b.stop_requested());
  EXPECT_FALSE(m.while_active("B").stop_requested());
  EXPECT_EQ(m.core()->epochs(), 1U);
  EXPECT_EQ(fmt::format("{:a}", m), "(A:1 B:1) [C:0 Exception:0]");
}

TEST(Snapshot, that_takes_clocks_forward_keeps_waits_for_ticks) {
  am::Machine m{abc(), {.id = "me"}};
  auto saved = m.save();
  saved.time.ticks[0] = am::Tick{5};
  const auto reached = m.when_time("A", am::Tick{4});
  const auto further = m.when_time("A", am::Tick{6});
  m.restore(saved);
  EXPECT_EQ(reached.ended(), am::Ended::fired);
  EXPECT_FALSE(further.done());
  m.remove("A");
  EXPECT_EQ(further.ended(), am::Ended::fired);
  EXPECT_EQ(m.core()->epochs(), 0U);
}

TEST(Snapshot, is_told_to_on_change) {
  Further f;
  std::vector<std::string> seen;
  f.m.on_change([&](const am::Time& before, const am::Time& after) {
    seen.push_back(fmt::format("{} > {}", before, after));
  });
  f.m.restore(f.saved, am::Rewind::allowed);
  EXPECT_EQ(seen, (std::vector<std::string>{"2 1 1 0 > 1 1 0 0"}));
}

TEST(Snapshot, tells_machine_restored_each_time_and_asks_nobody) {
  const auto fresh = [] {
    return am::Machine{{{"A", {}}, {"MachineRestored", {}}},
                       {.id = "me", .validate = [](const am::MutationRequest&) { return false; }}};
  };
  auto saved = fresh().save();
  for (int i = 0; i < 3; ++i) {
    auto m = fresh();
    int told = 0;
    m.on_state("MachineRestored", [&](am::Event&) { ++told; });
    m.restore(saved);
    EXPECT_EQ(told, 1);
    EXPECT_TRUE(m.is("MachineRestored"));
    const auto before = saved.time.sum();
    saved = m.save();
    EXPECT_GT(saved.time.sum(), before);
    EXPECT_EQ(m.time().sum(), saved.time.sum());
  }
}

}  // namespace
