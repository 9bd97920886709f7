#include <am/machine.hpp>
#include <am/testing.hpp>

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using am::Reason;
using am::Result;

TEST(Disposal, happens_in_order) {
  am::Machine m{{{"A", {}}, {"B", {}}}};
  m.add("A");
  const auto wait = m.when("B");
  const auto active = m.while_active("A");
  const auto context = m.context();
  std::vector<int> order;
  m.on_dispose([&] {
    EXPECT_EQ(wait.wait_for(0ms), am::Ended::disposed);
    EXPECT_TRUE(active.stop_requested());
    EXPECT_FALSE(context.stop_requested());
    EXPECT_TRUE(m.disposed());
    order.push_back(1);
  });
  m.on_dispose([&] {
    EXPECT_FALSE(context.stop_requested());
    order.push_back(2);
  });
  EXPECT_TRUE(m.dispose());
  EXPECT_EQ(order, (std::vector{1, 2}));
  EXPECT_TRUE(context.stop_requested());
  EXPECT_TRUE(m.dispose());
  EXPECT_EQ(order.size(), 2U);
}

TEST(Disposal, goes_on_when_its_functions_throw) {
  am::Machine m{{{"A", {}}}};
  bool called = false;
  m.on_dispose([] { throw std::runtime_error("x"); });
  m.on_dispose([&] { called = true; });
  m.dispose();
  EXPECT_TRUE(called);
}

TEST(Disposal, has_what_comes_later_done_at_once) {
  am::Machine m{{{"A", {}}}};
  m.dispose();
  bool called = false;
  m.on_dispose([&] { called = true; });
  EXPECT_TRUE(called);
  EXPECT_TRUE(m.context().stop_requested());
}

TEST(Disposal, lets_what_comes_later_throw) {
  am::Machine m{{{"A", {}}}};
  m.dispose();
  bool called = false;
  EXPECT_NO_THROW(m.on_dispose([&] {
    called = true;
    throw std::runtime_error("too late");
  }));
  EXPECT_TRUE(called);
}

TEST(Disposal, is_done_by_the_destructor) {
  std::stop_token context;
  bool called = false;
  {
    am::Machine m{{{"A", {}}}};
    context = m.context();
    m.on_dispose([&] { called = true; });
  }
  EXPECT_TRUE(called);
  EXPECT_TRUE(context.stop_requested());
}

TEST(Disposal, ends_start_first_while_mutations_still_run) {
  am::Machine m{{{"Start", {}}, {"Stopped", {}}}};
  m.on("StartEnd", [](am::Event& e) { e.machine().add("Stopped"); });
  bool stopped = false;
  m.on("StoppedState", [&](am::Event&) { stopped = true; });
  m.add("Start");
  EXPECT_TRUE(m.dispose());
  EXPECT_TRUE(stopped);
}

TEST(Disposal, ends_start_in_a_handler_too) {
  am::Machine m{{{"Start", {}}, {"A", {}}, {"B", {}}}};
  std::string order;
  m.on("StartEnd", [&](am::Event& e) {
    order += "end ";
    EXPECT_EQ(e.machine().add("B"), (Result{Result::canceled, Reason::disposed}));
  });
  m.on("AState", [&](am::Event& e) {
    e.machine().add("B");
    EXPECT_TRUE(m.dispose());
    order += "state ";
  });
  m.on_dispose([&] { order += "disposed"; });
  m.add("Start");
  EXPECT_EQ(m.add("A"), Result::executed);
  EXPECT_EQ(order, "state end disposed");
  EXPECT_EQ(m.tick("B"), am::Tick{0});
}

TEST(Disposal, ends_start_when_a_handler_beyond_another_machine_asks_for_it) {
  am::Machine m{{{"Start", {}}, {"A", {}}}};
  am::Machine other{{{"B", {}}}, {.handlers = am::HandlersRun::on_own_thread}};
  std::string order;
  // On a thread that does not drain `m`, and that the one which does waits for.
  other.on("BState", [&](am::Event&) {
    EXPECT_TRUE(m.dispose());
    order += "asked ";
  });
  m.on("AState", [&](am::Event&) { other.add("B"); });
  m.on("StartEnd", [&](am::Event&) { order += "end "; });
  m.on_dispose([&] { order += "disposed"; });
  m.add("Start");
  EXPECT_EQ(m.add("A"), Result::executed);
  EXPECT_EQ(order, "asked end disposed");
}

TEST(Disposal, asks_start_once_whether_it_may_end) {
  am::Machine m{{{"Start", {}}, {"A", {}}}};
  int asked = 0;
  m.on("StartExit", [&](am::Event&) {
    ++asked;
    return false;
  });
  m.on("AState", [&](am::Event&) { m.dispose(); });
  m.add("Start");
  m.add("A");
  EXPECT_EQ(asked, 1);
  EXPECT_TRUE(m.disposed());
}

TEST(Disposal, waits_without_end_when_its_deadline_is_beyond_the_clock) {
  for (const auto timeout : {std::chrono::milliseconds::max(), 1'000'000h + 0ms}) {
    std::promise<void> inside;
    std::promise<void> go;
    am::Machine m{{{"Start", {}}, {"A", {}}}, {.dispose_timeout = timeout}};
    m.add("Start");
    m.on("AState", [&](am::Event&) {
      inside.set_value();
      go.get_future().wait();
    });
    std::thread drainer([&] { m.add("A"); });
    inside.get_future().wait();
    std::thread disposer([&] { EXPECT_TRUE(m.dispose()); });
    while (m.queue_length() == 0) std::this_thread::yield();  // Start is to be removed
    go.set_value();
    disposer.join();
    drainer.join();
    EXPECT_TRUE(m.disposed());
    EXPECT_FALSE(m.is("Start"));
  }
}

TEST(Disposal, does_not_wait_longer_than_its_deadline) {
  std::promise<void> inside;
  std::promise<void> go;
  bool ended = false;
  std::thread drainer;
  {
    am::Machine m{{{"A", {}}, {"B", {}}}, {.dispose_timeout = 1ms}};
    m.on("AState", [&](am::Event& e) {
      inside.set_value();
      go.get_future().wait();
      EXPECT_EQ(e.machine().add("B"), (Result{Result::canceled, Reason::disposed}));
    });
    m.on_dispose([&] { ended = true; });
    drainer = std::thread([api = am::Api(m)]() mutable { api.add("A"); });
    inside.get_future().wait();
    EXPECT_FALSE(m.dispose());
    EXPECT_TRUE(ended);
  }
  go.set_value();
  drainer.join();
}

// -- the end of a parent ----------------------------------------------------------------------

TEST(ParentStop, disposes_of_a_machine_without_handlers) {
  std::stop_source parent;
  am::Machine m{{{"A", {}}}, {.stop = parent.get_token()}};
  EXPECT_FALSE(m.disposed());
  parent.request_stop();
  EXPECT_TRUE(m.disposed());
}

TEST(ParentStop, disposes_of_a_machine_that_is_made_too_late) {
  std::stop_source parent;
  parent.request_stop();
  am::Machine m{{{"A", {}}}, {.stop = parent.get_token()}};
  EXPECT_TRUE(m.disposed());
}

TEST(ParentStop, follows_the_context_of_a_parent_machine) {
  am::Machine parent{{{"A", {}}}};
  am::Machine child{{{"A", {}}}, {.stop = parent.context()}};
  parent.dispose();
  EXPECT_TRUE(child.disposed());
}

TEST(ParentStop, adds_disposing_where_the_schema_has_it) {
  const auto timers = std::make_shared<am::FakeTimers>();
  std::stop_source parent;
  am::Machine m{{{"Disposing", {}}},
                {.dispose_timeout = 1s, .timers = timers, .stop = parent.get_token()}};
  parent.request_stop();
  EXPECT_TRUE(m.is("Disposing"));
  EXPECT_FALSE(m.disposed());
  timers->advance(1999ms);
  EXPECT_FALSE(m.disposed());
  timers->advance(1ms);
  EXPECT_TRUE(m.disposed());
}

TEST(ParentStop, may_give_disposing_all_the_time_there_is) {
  const auto timers = std::make_shared<am::FakeTimers>();
  std::stop_source parent;
  am::Machine m{{{"Disposing", {}}},
                {.dispose_timeout = std::chrono::milliseconds::max(),
                 .timers = timers,
                 .stop = parent.get_token()}};
  parent.request_stop();
  timers->advance(1'000'000h);
  EXPECT_TRUE(m.is("Disposing"));
  EXPECT_FALSE(m.disposed());
  EXPECT_TRUE(m.dispose());
}

TEST(ParentStop, lets_the_handlers_of_disposing_end_the_machine) {
  std::stop_source parent;
  am::Machine m{{{"Disposing", {}}}, {.stop = parent.get_token()}};
  m.on("DisposingState", [&](am::Event&) { m.dispose(); });
  parent.request_stop();
  EXPECT_TRUE(m.disposed());
}

TEST(ParentStop, may_come_in_a_handler_of_the_machine) {
  std::stop_source parent;
  am::Machine m{{{"A", {}}, {"B", {}}}, {.stop = parent.get_token()}};
  m.on("AState", [&](am::Event& e) {
    e.machine().add("B");
    parent.request_stop();
  });
  EXPECT_EQ(m.add("A"), Result::executed);
  EXPECT_TRUE(m.disposed());
  EXPECT_EQ(m.tick("B"), am::Tick{0});
}

TEST(ParentStop, comes_to_nothing_once_the_machine_is_gone) {
  std::stop_source parent;
  { am::Machine m{{{"A", {}}}, {.stop = parent.get_token()}}; }
  parent.request_stop();
}

}  // namespace
