// Specification 12.7: lifecycle, tracing, text forms.
#include "support.hpp"

#include <am/log.hpp>
#include <am/snapshot.hpp>

#include <gtest/gtest.h>

namespace {

using am::Ended;
using am::Reason;
using am::Result;
using spec::plain;
using spec::text;

TEST(AnId, IsMadeUpWhenNoneIsGiven) {
  EXPECT_GT(plain().id().size(), 5U);
  am::Machine named{spec::plain_schema(), {.id = "door"}};
  EXPECT_EQ(named.id(), "door");
}

TEST(Tracers, AreDetachedById) {
  struct Count final : am::Tracer {
    void transition_end(const am::Transition&) override { ++count; }
    int count = 0;
  };
  auto m = plain();
  const auto tracer = std::make_shared<Count>();
  const auto id = m.trace(tracer);
  m.add("A");
  EXPECT_TRUE(m.detach(id));
  EXPECT_FALSE(m.detach(id));
  m.add("B");
  EXPECT_EQ(tracer->count, 1);
}

TEST(Tracers, SeeChecksWithoutFinals) {
  struct Log final : am::Tracer {
    void transition_init(const am::Transition&) override { text += "init "; }
    void transition_finals(const am::Transition&) override { text += "finals "; }
    void transition_end(const am::Transition&) override { text += "end "; }
    void queue_end() override { text += "queue_end "; }
    std::string text;
  };
  auto m = plain();
  const auto log = std::make_shared<Log>();
  m.trace(log);
  m.can_add("A");
  EXPECT_TRUE(log->text.starts_with("init end")) << log->text;
  log->text.clear();
  m.add("A");
  EXPECT_TRUE(log->text.starts_with("init finals end")) << log->text;
}

TEST(Dispose, IsHarmlessWhenRepeated) {
  auto m = plain({"A"});
  EXPECT_TRUE(m.dispose());
  EXPECT_TRUE(m.dispose());
  EXPECT_TRUE(m.disposed());
}

TEST(ADisposedMachine, RefusesEveryMutation) {
  auto m = plain({"A"});
  m.dispose();
  const Result disposed{Result::canceled, Reason::disposed};
  EXPECT_EQ(m.set("A"), disposed);
  EXPECT_EQ(m.add("B"), disposed);
  EXPECT_EQ(m.remove("A"), disposed);
  EXPECT_EQ(m.toggle("A"), disposed);
  EXPECT_EQ(m.can_add("B"), disposed);
  EXPECT_EQ(m.can_remove("A"), disposed);
  EXPECT_EQ(m.add_error({"late"}, "B"), disposed);
  EXPECT_EQ(m.add_async("B").value(), disposed);
  EXPECT_EQ(m.queue_length(), 0U);
}

TEST(ADisposedMachine, EndsEveryWaitAtOnce) {
  auto m = plain({"A"});
  m.dispose();
  EXPECT_EQ(m.when("B").ended(), Ended::disposed);
  EXPECT_EQ(m.when_not("A").ended(), Ended::disposed);
  EXPECT_EQ(m.when_time("A", am::Tick{9}).ended(), Ended::disposed);
  EXPECT_EQ(m.when_args("A", [](const am::Args&) { return true; }).ended(), Ended::disposed);
  EXPECT_TRUE(m.when_queue_ends().done());
  EXPECT_TRUE(m.while_active("A").stop_requested());
}

TEST(Dispose, EndsWaitsOfEveryKind) {
  auto m = plain({"A"});
  const std::vector<am::Wait> waits{m.when("B"),
                                    m.when_not("A"),
                                    m.when_time("A", am::Tick{9}),
                                    m.when_args("B", [](const am::Args&) { return true; }),
                                    m.when_query([](const am::Time&) { return false; }),
                                    m.when_queue(am::QueueTick{99})};
  const auto context = m.while_active("A");
  m.dispose();
  for (const auto& wait : waits) EXPECT_EQ(wait.ended(), Ended::disposed);
  EXPECT_TRUE(context.stop_requested());
}

TEST(Dispose, InAHandlerDropsWhatIsQueued) {
  auto m = plain();
  spec::Handlers handlers(m, "AState BState");
  handlers.on("AState", [&](am::Event& e) {
    e.machine().add("B");
    m.dispose();
  });
  m.add("A");
  EXPECT_TRUE(m.disposed());
  EXPECT_EQ(handlers.called(), "AState");
}

TEST(Texts, OfResultsMutationsAndRelations) {
  EXPECT_EQ(am::to_string(Result{Result::executed}), "executed");
  EXPECT_EQ(am::to_string(Result{Result::canceled}), "canceled");
  EXPECT_EQ(am::to_string(Result{Result::queued}), "queued");
  EXPECT_EQ(am::to_string(Result{Result::queued, Reason::none, am::QueueTick{77}}), "queued at 77");
  EXPECT_EQ(am::to_string(am::MutationType::add), std::string_view("add"));
  EXPECT_EQ(am::to_string(am::MutationType::remove), std::string_view("remove"));
  EXPECT_EQ(am::to_string(am::MutationType::set), std::string_view("set"));
  EXPECT_EQ(am::to_string(am::Relation::after), std::string_view("after"));
  EXPECT_EQ(am::to_string(am::Relation::add), std::string_view("add"));
  EXPECT_EQ(am::to_string(am::Relation::require), std::string_view("require"));
  EXPECT_EQ(am::to_string(am::Relation::remove), std::string_view("remove"));
}

TEST(ASnapshot, GivesAFreshMachineItsClocks) {
  const auto fresh = [] { return am::Machine{spec::plain_schema(), {.id = "m"}}; };
  auto m = fresh();
  m.remove("B"), m.add("A"), m.add("B"), m.add("C");
  const auto kept = m.save();
  EXPECT_EQ(fmt::format("{}", fmt::join(kept.names, " ")), "A B C D Exception");
  EXPECT_EQ(fmt::format("{}", kept.time), "1 1 1 0 0");
  EXPECT_EQ(kept.machine_tick.value, 0U);

  auto other = plain();
  EXPECT_THROW(other.restore(kept), am::Error);
  auto same = fresh();
  same.restore(kept);
  EXPECT_EQ(fmt::format("{}", same), "(A:1 B:1 C:1)");
  EXPECT_EQ(same.machine_tick().value, 1U);
}

TEST(ASnapshot, AddsMachineRestored) {
  const auto fresh = [] { return am::Machine{{{"A"}, {"MachineRestored"}}, {.id = "m"}}; };
  auto m = fresh();
  m.add("A");
  auto other = fresh();
  other.restore(m.save());
  EXPECT_TRUE(other.is({"A", "MachineRestored"}));
}

TEST(TheLog, SaysMoreAtEachLevel) {
  const auto at = [](am::LogLevel level) {
    std::set<std::string> lines;
    am::Machine m{{{"Foo"}, {"Bar", {.automatic = true}}}};
    spec::Handlers handlers(m, "FooState BarEnter");
    handlers.refuse("BarEnter");
    am::attach_log(m, {.level = level,
                       .prefix = am::LogPrefix::none,
                       .sink = [&](am::LogLevel, std::string_view line) { lines.emplace(line); }});
    m.add("Foo");
    return lines;
  };
  EXPECT_TRUE(at(am::LogLevel::changes).contains("[state] +Foo"));
  EXPECT_FALSE(at(am::LogLevel::changes).contains("[add] Foo"));
  for (const auto* line : {"[state] +Foo", "[queue:add] Foo", "[add] Foo", "[auto] Bar",
                           "[cancel] (Bar Foo) by BarEnter"}) {
    EXPECT_TRUE(at(am::LogLevel::operations).contains(line)) << line;
  }
  EXPECT_TRUE(at(am::LogLevel::decisions).contains("[add:auto] Bar"));
}

TEST(Levels, HaveNames) {
  EXPECT_EQ(am::to_string(am::LogLevel::nothing), std::string_view("nothing"));
  EXPECT_EQ(am::to_string(am::LogLevel::operations), std::string_view("ops"));
}

TEST(Truncation, EndsInDotsWhereThereIsRoom) {
  EXPECT_EQ(am::truncated("abcdef", 4), "abcd");
  EXPECT_EQ(am::truncated("abcdef", 5), "ab...");
  EXPECT_EQ(am::truncated("abcdefgh", 6), "abc...");
}

TEST(ArgsMapper, ShowsArgumentsSortedByName) {
  const auto args = am::Args{}.with("b", am::Value{"2"}).with("a", am::Value{"1"});
  EXPECT_EQ(am::ArgsMapper({"b", "a"}).text(args), " (a=1 b=2)");
}

}  // namespace
