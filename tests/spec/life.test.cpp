// Specification 12.7: lifecycle, tracing, text forms.
#include "support.hpp"

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

}  // namespace
