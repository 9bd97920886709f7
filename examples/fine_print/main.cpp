// What the manual says in passing, shown: arguments, several bindings, a full queue, errors,
// contexts.
#include <am/machine.hpp>

#include <fmt/format.h>

#include <cstdint>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <variant>

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
  bindings();
  queue_limit();
  errors();
  contexts();
}
