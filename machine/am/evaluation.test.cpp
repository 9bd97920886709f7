#include <am/machine.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using am::Result;

/// Longer than any of it takes.
constexpr auto patience = 20s;

/// A machine whose queue is held up in AState until it is let go.
struct Held {
  am::Machine machine{{{"A", {}}, {"B", {}}}};
  std::promise<void> inside;
  std::promise<void> go;
  std::thread drainer;

  Held() {
    machine.on("AState", [this](am::Event&) {
      inside.set_value();
      go.get_future().wait();
    });
    drainer = std::thread([this] { machine.add("A"); });
    inside.get_future().wait();
  }
  void let_go() {
    go.set_value();
    drainer.join();
  }
};

TEST(Eval, runs_a_function_while_nothing_else_runs) {
  am::Machine m{{{"A", {}}}};
  int calls = 0;
  EXPECT_TRUE(m.eval([&] { ++calls; }));
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(m.queue_tick(), am::QueueTick{1});
}

TEST(Eval, runs_between_transitions_and_before_what_is_queued) {
  Held held;
  auto& m = held.machine;
  std::vector<int> order;
  m.on("BState", [&](am::Event&) { order.push_back(2); });
  EXPECT_EQ(m.add("B"), Result::queued);
  std::thread other([&] {
    EXPECT_TRUE(m.eval(
        [&] {
          EXPECT_TRUE(m.is("A"));
          EXPECT_FALSE(m.is("B"));
          order.push_back(1);
        },
        patience));
  });
  while (m.queue_length() < 2) std::this_thread::yield();
  held.let_go();
  other.join();
  EXPECT_EQ(order, (std::vector{1, 2}));
}

TEST(Eval, queues_the_mutations_of_its_function) {
  am::Machine m{{{"A", {}}}};
  EXPECT_TRUE(m.eval([&] { EXPECT_EQ(m.add("A"), Result::queued); }));
  EXPECT_TRUE(m.is("A"));
}

TEST(Eval, gives_up_at_its_limit_and_never_runs_then) {
  Held held;
  std::vector<std::string> errors;
  held.machine.on_internal_error([&](const am::ErrorInfo& e) { errors.push_back(e.message); });
  bool ran = false;
  EXPECT_FALSE(held.machine.eval([&] { ran = true; }, 1ms));
  held.let_go();
  EXPECT_EQ(held.machine.add("B"), Result::executed);
  EXPECT_FALSE(ran);
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_NE(errors[0].find("eval timeout"), std::string::npos);
}

TEST(Eval, gives_up_at_the_end_of_its_scope) {
  Held held;
  std::stop_source scope;
  bool ran = false;
  std::thread other(
      [&] { EXPECT_FALSE(held.machine.eval([&] { ran = true; }, scope.get_token(), patience)); });
  while (held.machine.queue_length() == 0) std::this_thread::yield();
  scope.request_stop();
  other.join();
  held.let_go();
  EXPECT_FALSE(ran);
  EXPECT_FALSE(held.machine.eval([&] { ran = true; }, scope.get_token()));
  EXPECT_FALSE(ran);
}

TEST(Eval, gives_up_when_the_machine_is_disposed_of) {
  Held held;
  std::thread other([&] { EXPECT_FALSE(held.machine.eval([] {}, patience)); });
  while (held.machine.queue_length() == 0) std::this_thread::yield();
  std::thread disposer([&] { EXPECT_TRUE(held.machine.dispose()); });
  other.join();
  held.let_go();
  disposer.join();
  EXPECT_FALSE(held.machine.eval([] {}));
}

TEST(Eval, returns_at_once_in_a_handler_and_in_another_eval) {
  am::Machine m{{{"A", {}}}};
  int answers = 0;
  bool ran = false;
  const auto nested = [&] { answers += m.eval([&] { ran = true; }, patience) ? 100 : 1; };
  m.on("AState", [&](am::Event&) { nested(); });
  m.add("A");
  EXPECT_TRUE(m.eval(nested));
  EXPECT_EQ(answers, 2);
  EXPECT_FALSE(ran);
  EXPECT_FALSE(m.is("Exception"));
}

TEST(Eval, makes_an_exception_of_what_its_function_throws) {
  am::Machine m{{{"A", {}}}};
  m.add("A");
  EXPECT_TRUE(m.eval([] { throw std::runtime_error("no such luck"); }));
  EXPECT_TRUE(m.is({"A", "Exception"}));
  EXPECT_EQ(m.last_error()->message, "no such luck");
  EXPECT_EQ(m.last_error()->where, "eval");
  EXPECT_EQ(m.remove("A"), Result::executed);
}

TEST(Eval, may_throw_once_it_has_disposed_of_the_machine) {
  am::Machine m{{{"Start", {}}, {"A", {}}}};
  std::string order;
  m.on("StartEnd", [&](am::Event&) { order += "end "; });
  m.on_dispose([&] { order += "disposed"; });
  m.add("Start");
  std::optional<am::Pending<Result>> dropped;
  std::optional<am::Wait> wait;
  EXPECT_TRUE(m.eval([&] {
    dropped = m.add_async("A");
    wait = m.when("A");
    m.dispose();
    throw std::runtime_error("no such luck");
  }));
  EXPECT_EQ(dropped->get(), (Result{Result::canceled, am::Reason::disposed}));
  EXPECT_EQ(wait->wait_for(0ms), am::Ended::disposed);
  EXPECT_EQ(order, "end disposed");
  EXPECT_EQ(m.last_error()->message, "no such luck");
}

TEST(Eval, drops_the_queue_when_a_handler_of_its_error_is_abandoned) {
  std::promise<void> go;
  std::promise<void> returned;
  am::Machine m{{{"A", {}}},
                {.handlers = am::HandlersRun::on_own_thread,
                 .handler_timeout = 5ms,
                 .handler_deadline = 5ms,
                 .handler_backoff = 0ms}};
  m.on("ExceptionState", [&](am::Event&) {
    go.get_future().wait();
    returned.set_value();
  });
  std::optional<am::Pending<Result>> dropped;
  am::QueueTick tick;
  EXPECT_TRUE(m.eval([&] {
    tick = m.add("A").queue_tick();
    dropped = m.remove_async("A");
    throw std::runtime_error("no such luck");
  }));
  EXPECT_EQ(dropped->get(), (Result{Result::canceled, am::Reason::timeout}));
  EXPECT_GE(m.queue_tick(), tick);
  EXPECT_EQ(m.when_queue(tick).wait_for(0ms), am::Ended::fired);
  EXPECT_EQ(m.tick("A"), am::Tick{0});
  EXPECT_EQ(m.add("A"), Result::executed);
  go.set_value();
  returned.get_future().wait();
}

TEST(Eval, refuses_an_empty_function) {
  am::Machine m{{{"A", {}}}};
  EXPECT_THROW(m.eval({}), am::Error);
}

}  // namespace
