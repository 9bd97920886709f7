// Group wire: bytes and calls of "subscribe, get, process". A worker does an operation, which gives
// it another value and makes it tell so; its client waits for that, reads the value, and calls the
// operation with the same number.
#include "groups.hpp"
#include "latency.hpp"
#include "machine_works.hpp"
#include "meter.hpp"

#include <am/cereal.hpp>
#include <am/machine.hpp>
#include <am/rpc/client.hpp>
#include <am/rpc/server.hpp>

#include <fmt/format.h>

#include <functional>
#include <random>

namespace bench {

struct Operation {
  int number = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(number);
  }
};

}  // namespace bench

AM_ARGS(bench::Operation, "op")

namespace bench {

namespace {

using namespace std::chrono_literals;

constexpr int values = 3;

/// Knows nothing of machines.
class Worker {
 public:
  std::function<void()> listener{};
  std::size_t failures = 0;
  std::size_t successes = 0;

  int value() const noexcept { return value_; }
  void start() { call(std::uniform_int_distribution(1, values)(random_)); }
  void call(int operation) {
    if (value_ != 0) {
      ++successes;
      if (operation != value_) ++failures;
    }
    value_ = std::uniform_int_distribution(1, values)(random_);
    listener();
  }

 private:
  std::minstd_rand random_{1};
  int value_ = 0;
};

std::string value_name(int value) { return fmt::format("Value{}", value); }

/// The worker as a machine.
struct WorkerMachine {
  WorkerMachine() {
    worker.listener = [this] { machine.add("Event"); };
    machine.on("StartState", [this](am::Event&) { worker.start(); });
    machine.on("CallOpEnter", [](am::Event& e) { return e.args_if<Operation>() != nullptr; });
    machine.on("CallOpState", [this](am::Event& e) {
      machine.remove("CallOp");
      worker.call(e.args_if<Operation>()->number);
    });
    machine.on("EventState", [this](am::Event&) {
      machine.remove("Event");
      machine.add(value_name(worker.value()));
    });
  }

  static am::Schema schema() {
    return {{"Start", {}},
            {"Ready", {}},
            {"Heartbeat", {}},
            {"Healthcheck", {}},
            {"CallOp", {.multi = true, .require = {"Start"}}},
            {"Event", {.multi = true, .require = {"Start"}}},
            {"Value1", {.remove = {"Value2", "Value3"}}},
            {"Value2", {.remove = {"Value1", "Value3"}}},
            {"Value3", {.remove = {"Value1", "Value2"}}}};
  }

  Worker worker;
  am::Machine machine{schema()};
};

double count(std::uint64_t n) { return static_cast<double>(n); }

am::rpc::RemoteMachine attach(am::rpc::Client& client, am::rpc::AttachOptions options = {}) {
  auto attached = client.attach(std::move(options));
  require(attached.has_value(), "the client could not attach");
  return std::move(*attached);
}

void subscribe_get_process(Report& report, std::size_t n) {
  WorkerMachine served;
  const am::rpc::Server server(served.machine);
  const Meter meter(server.endpoint());
  am::rpc::Client client({.endpoint = meter.endpoint(), .id = "worker"});
  auto worker = attach(client, {.schema = am::CompiledSchema(WorkerMachine::schema())});

  const auto event = worker.state("Event");
  const auto call = worker.state("CallOp");
  auto tick = worker.tick(event);
  const auto start = shared_now();
  require(worker.add("Start") == am::Result::executed, "Start was not executed");
  for (std::size_t i = 0; i < n; ++i) {
    tick = am::Tick{tick.value + 2};
    require(worker.when_time(event, tick).wait_for(20s) == am::Ended::fired, "no event came");
    const int value = worker.is("Value1") ? 1 : worker.is("Value2") ? 2 : 3;
    require(worker.add(call, Operation{value}) == am::Result::executed, "an operation failed");
  }
  const auto took = count(static_cast<std::uint64_t>(shared_now() - start));
  const auto bytes = meter.bytes();
  const auto frames = client.traffic();
  const auto link = worker.traffic();
  require(served.worker.failures == 0 && served.worker.successes == n, "the worker miscounted");

  const auto steps = static_cast<double>(n);
  report.add({"step", count(bytes) / steps, "B", {}, 0, {{Budget::Of::value, 40}}});
  report.add({"step/to_server", count(meter.to_server()) / steps, "B"});
  report.add({"step/to_client", count(meter.to_client()) / steps, "B"});
  // The welcome is a reply too.
  const auto unsolicited = frames.frames_in - link.replies - 1;
  report.add({"calls",
              count(frames.frames_out + unsolicited),
              "each",
              {},
              0,
              {{Budget::Of::value, steps + 3}}});
  report.add({"step/time", took / steps / 1e3, "us"});
}

void one_push(Report& report, std::size_t n) {
  Plain source(16);
  const am::rpc::Server server(source.machine, {.push_interval = 0ms});
  const Meter meter(server.endpoint());
  am::rpc::Client client({.endpoint = meter.endpoint()});
  const auto proxy = attach(client);
  const auto id = proxy.state("S0");
  const auto before = meter.bytes();
  for (std::size_t i = 0; i < n; ++i) {
    source.machine.toggle(source.id);
    require(proxy.when_time(id, am::Tick{i + 1}).wait_for(20s) == am::Ended::fired,
            "a push did not come");
  }
  report.add({"push1",
              count(meter.bytes() - before) / static_cast<double>(n),
              "B",
              {},
              0,
              {{Budget::Of::value, 16}}});
}

}  // namespace

void run_wire(Report& report, const Settings& settings) {
  subscribe_get_process(report, settings.quick ? 100 : 10'000);
  one_push(report, settings.quick ? 20 : 1'000);
}

}  // namespace bench
