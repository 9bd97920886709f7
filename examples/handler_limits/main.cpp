// What is late: handlers, mutations, evals, and the end of a machine.
#include <am/machine.hpp>
#include <am/testing.hpp>

#include <fmt/format.h>

#include <chrono>
#include <future>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>

namespace {

using namespace std::chrono_literals;

am::Schema oven() {
  return {{"Preheated", {}}, {"Baking", {.require = {"Preheated"}}}, {"LampOn", {}}};
}

void overrun() {
  am::Machine m{oven(), {.handler_timeout = 20ms}};
  m.on_internal_error([](const am::ErrorInfo& e) { fmt::print("late: {}\n", e.where); });
  m.on_enter("Preheated", [](am::Event& e) {
    // Work in pieces, and look whether it still matters.
    while (e.is_valid()) std::this_thread::sleep_for(1ms);
    return true;
  });
  fmt::print("{}\n", m.add("Preheated"));
  fmt::print("an error: {}\n", m.is("Exception"));
}

void abandoned() {
  const auto timers = std::make_shared<am::FakeTimers>();
  std::promise<void> answer;
  am::Machine m{oven(),
                {.timers = timers,
                 .handlers = am::HandlersRun::on_own_thread,
                 .handler_timeout = 10ms,
                 .handler_deadline = 10ms,
                 .handler_backoff = 3s}};
  m.on_state("Preheated", [waits = answer.get_future().share()](am::Event&) { waits.wait(); });
  fmt::print("{}\n", m.add("Preheated"));  // comes back, though its handler never does
  fmt::print("an error: {}\n", m.is("Exception"));
  fmt::print("{}\n", m.add("LampOn"));
  timers->advance(3s);
  fmt::print("{}\n", m.add("LampOn"));
  answer.set_value();
}

void expired() {
  const auto timers = std::make_shared<am::FakeTimers>();
  am::Machine m{oven(), {.timers = timers}};
  m.on_state("Preheated", [&](am::Event&) {
    m.add("LampOn", {}, {.ttl = 5s});  // no use in a lamp that comes on later than that
    timers->advance(6s);
  });
  m.add("Preheated");
  fmt::print("lamp: {}\n", m.is("LampOn"));
}

struct Cook {
  bool trained = false;
};

void validated() {
  am::Machine m{oven(), {.validate = [](const am::MutationRequest& request) {
                  const auto* cook = request.args.get_if<Cook>();
                  return cook != nullptr && cook->trained;
                }}};
  fmt::print("{}\n", m.add("Preheated"));
  fmt::print("{}\n", m.add("Preheated", Cook{true}));
}

void evaluated() {
  am::Machine m{oven()};
  std::string seen;
  const bool ran = m.eval([&] { seen = fmt::format("{:a}", m); });  // nothing else runs meanwhile
  fmt::print("ran: {}, saw {}\n", ran, seen);
}

void ended() {
  am::Machine kitchen{{{"Start", {}}}};
  am::Machine m{oven(), {.stop = kitchen.context()}};
  kitchen.on_end("Start", [](am::Event&) { fmt::print("closing\n"); });
  kitchen.on_dispose([] { fmt::print("closed\n"); });
  m.on_dispose([] { fmt::print("oven off\n"); });
  kitchen.add("Start");
  kitchen.dispose();
  fmt::print("the oven too: {}\n", m.disposed());
}

}  // namespace

int main() {
  overrun();
  abandoned();
  expired();
  validated();
  evaluated();
  ended();
}
