// What the manual says in passing, shown: arguments, several bindings, a full queue, errors,
// contexts.
#include <am/machine.hpp>
#include <am/testing.hpp>

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <variant>

using namespace std::chrono_literals;

namespace {

struct Speed {
  double metres_per_second = 0;
};
struct Driver {
  std::string name;
};

void arguments() {
  am::Machine car{{{"Driving", {.multi = true}}}};
  car.on_state("Driving", [](am::Event& e) {
    const auto* driver = e.args_if<Driver>();  // null when there is none
    const am::Value* gear = e.args().get_if("gear");
    fmt::print("{} m/s, driver: {}, gear: {}\n", e.args<Speed>().metres_per_second,
               driver != nullptr ? driver->name : "nobody",
               gear != nullptr ? std::get<std::int64_t>(*gear) : 0);
  });
  car.add("Driving", Speed{3.5});
  car.add("Driving", am::Args(Speed{8}).with(Driver{"Ada"}).with("gear", 2));
  fmt::print("without speed: {}\n", car.add("Driving"));  // args<Speed>() throws
  fmt::print("{}\n", car);
}

void refused_before_queueing() {
  const auto slow_enough = [](const am::MutationRequest& request) {
    const auto* speed = request.args.get_if<Speed>();
    return speed == nullptr || speed->metres_per_second < 50;
  };
  am::Machine car{{{"Driving", {.multi = true}}}, {.validate = slow_enough}};
  fmt::print("90 m/s: {}\n", car.add("Driving", Speed{90}));
  fmt::print("9 m/s: {}\n", car.add("Driving", Speed{9}));
}

void between_transitions() {
  am::Machine counter{{{"A", {}}, {"B", {}}}};
  int handled = 0;  // what handlers share needs no lock among them
  counter.on("AnyState", [&](am::Event&) { ++handled; });
  counter.add("A");
  counter.add("B");
  int seen = 0;
  counter.eval([&] { seen = handled; });  // nor does who looks at it between two transitions
  fmt::print("handled: {}\n", seen);
}

void bindings() {
  am::Machine bell{{{"Ringing", {.multi = true}}}};
  bell.on_state("Ringing", [](am::Event&) { fmt::print("ding\n"); });
  const am::BindingId loud = bell.on_state("Ringing", [](am::Event&) { fmt::print("DONG\n"); });
  bell.add("Ringing");
  bell.detach(loud);
  bell.add("Ringing");
}

void queue_limit() {
  am::Machine printer{{{"Printing", {}}, {"A", {}}, {"B", {}}, {"C", {}}}, {.queue_limit = 2}};
  printer.on_state("Printing", [](am::Event& e) {
    for (const char* name : {"A", "B", "C"}) {
      fmt::print("{}: {}\n", name, e.machine().add(name));
    }
  });
  printer.add("Printing");
  fmt::print("{}\n", printer);
}

void expiry() {
  const auto timers = std::make_shared<am::FakeTimers>();
  am::Machine oven{{{"Baking", {}}, {"Lunch", {}}}, {.timers = timers}};
  am::Result lunch;
  oven.on_state("Baking", [&](am::Event& e) {
    lunch = e.machine().add("Lunch", {}, {.ttl = 1s});
    timers->advance(1min);  // the handler takes its time
  });
  oven.add("Baking");
  fmt::print("lunch: {}, is there: {}\n", lunch, oven.is("Lunch"));
}

void errors() {
  am::Machine disk{{
      {"Writing", {}},
      {"Written", {.remove = {"Writing"}}},
      {"ErrDisk", {.multi = true, .require = {"Exception"}, .remove = {"Writing"}}},
  }};
  disk.on("WrittenEnter", [](am::Event&) { throw std::runtime_error("disk is full"); });
  disk.on_state("Exception", [](am::Event& e) {
    const auto& error = e.args<am::ErrorInfo>();
    fmt::print("{}: {}\n", error.where, error.message);
  });

  disk.add("Writing");
  fmt::print("written: {}\n", disk.add("Written"));
  fmt::print("{}\n", disk);

  disk.add_error({"disk is gone", "cable"}, "ErrDisk", am::Args{}.with("volume", "sda"));
  fmt::print("{}\n", disk);

  disk.remove("Exception");  // the error is dealt with
  fmt::print("{:a}, last: {}\n", disk, disk.last_error()->message);
}

void contexts() {
  am::Machine door{{{"Open", {}}}};
  const std::stop_token closed = door.while_active("Open");
  door.add("Open");
  const std::stop_token open = door.while_active("Open");
  const std::stop_callback alarm(open, [] { fmt::print("no longer open\n"); });
  fmt::print("{} {}\n", closed.stop_requested(), open.stop_requested());
  door.remove("Open");
  door.add("Open");  // another activation
  fmt::print("{} {}\n", closed.stop_requested(), open.stop_requested());
}

}  // namespace

int main() {
  arguments();
  refused_before_queueing();
  between_transitions();
  bindings();
  queue_limit();
  expiry();
  errors();
  contexts();
}
