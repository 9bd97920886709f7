// Group rpc: remote machines against the transport below them and against gRPC.
#include "groups.hpp"
#include "heap.hpp"
#include "latency.hpp"
#include "machine_works.hpp"
#include "peer.hpp"
#include "raw_grpc.hpp"
#include "raw_tcp.hpp"
#include "raw_zmq.hpp"

#include <am/machine.hpp>
#include <am/rpc/client.hpp>
#include <am/rpc/server.hpp>

#include <fmt/format.h>

#include <unistd.h>
#include <barrier>
#include <memory>
#include <thread>

namespace bench {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t callers = 16;
/// Asynchronous mutations that are under way at a time.
constexpr std::size_t window = 512;

/// What is served: a state for each caller with a handler bound, one that is activated again by
/// every add, and one that the source changes by itself.
class Source {
 public:
  Source() : machine_(schema()) {
    for (std::size_t i = 0; i < callers; ++i) {
      machine_.on(fmt::format("S{}State", i), [this](am::Event&) { ++calls_; });
    }
    machine_.on("AgainState", [this](am::Event&) { ++calls_; });
  }
  am::Machine& machine() { return machine_; }

  static am::Schema schema() {
    std::vector<am::Schema::Entry> entries;
    for (std::size_t i = 0; i < callers; ++i) entries.push_back({state_name(i), {}});
    entries.push_back({"Again", {.multi = true}});
    entries.push_back({"Pushed", {}});
    return am::Schema(std::move(entries));
  }

 private:
  am::Machine machine_;
  std::size_t calls_ = 0;
};

class MachineService final : public Service {
 public:
  explicit MachineService(const std::string& endpoint)
      : server_(source_.machine(), {.endpoint = endpoint, .push_interval = 0ms}) {}
  std::string endpoint() const override { return server_.endpoint(); }
  void push(std::uint64_t i, Stamps& stamps) override {
    stamps[i] = shared_now();
    source_.machine().toggle("Pushed");
  }

 private:
  Source source_;
  am::rpc::Server server_;
};

/// A client and its one remote machine.
struct Remote {
  explicit Remote(const std::string& endpoint)
      : client({.endpoint = endpoint}), machine([this]() -> am::rpc::RemoteMachine {
          auto attached = client.attach();
          require(attached.has_value(), "the client could not attach");
          return std::move(*attached);
        }()) {}

  am::rpc::Client client;
  am::rpc::RemoteMachine machine;
};

void toggle_remote(am::Api& machine, am::StateId id) {
  require(machine.toggle(id) == am::Result::executed, "a remote mutation was not executed");
}

Trip mutation(Remote& remote) {
  return timed([&remote, id = remote.machine.state("S0")] { toggle_remote(remote.machine, id); });
}

std::string ipc_endpoint(const char* name) {
  return fmt::format("ipc:///tmp/am-bench-{}-{}", name, getpid());
}

// -- one caller ---------------------------------------------------------------------------------

void one_caller(Report& report, const Settings& settings) {
  Peer machine_peer("machine");
  Peer zmq_peer("zmq");
  Peer tcp_peer("tcp");
  Remote remote(machine_peer.endpoint());
  RawZmq zmq(zmq_peer.endpoint());
  RawTcp tcp(tcp_peer.endpoint());
  std::vector<Trip> trips{mutation(remote), timed([&] { zmq.round_trip(); }),
                          timed([&] { tcp.round_trip(); })};
  std::unique_ptr<Peer> grpc_peer;
  std::unique_ptr<RawGrpc> grpc;
  if (has_grpc()) {
    grpc_peer = std::make_unique<Peer>("grpc");
    grpc = make_grpc(grpc_peer->endpoint());
    trips.push_back(timed([&] { grpc->call(); }));
    trips.push_back(timed([&] { grpc->talk(); }));
  }
  const auto took = measure_trips(trips, settings);
  add_latency(report, "mutate", took[0], "raw ZeroMQ", &took[1], {{Budget::Of::ratio, 1.25}});
  add_latency(report, "mutate_tcp", took[0], "raw TCP", &took[2]);
  if (grpc != nullptr) {
    add_latency(report, "mutate_grpc", took[0], "gRPC unary", &took[3], {{Budget::Of::ratio, 0.6}});
    add_latency(report, "mutate_grpc_stream", took[0], "gRPC stream", &took[4]);
  } else {
    report.add({"mutate_grpc", took[0].percentile(0.5), "us", "gRPC: not built"});
  }
  const auto paced = measure_trips(trips, settings, Pace::millisecond);
  add_latency(report, "paced", paced[0], "raw ZeroMQ", &paced[1], {{Budget::Of::ratio, 1.25}});
  add_latency(report, "paced_tcp", paced[0], "raw TCP", &paced[2]);
  if (grpc != nullptr) add_latency(report, "paced_grpc", paced[0], "gRPC unary", &paced[3]);
}

/// The same where no TCP is.
void other_transports(Report& report, const Settings& settings) {
  Peer machine_peer("machine", ipc_endpoint("machine"));
  Peer zmq_peer("zmq", ipc_endpoint("zmq"));
  Remote ipc(machine_peer.endpoint());
  RawZmq ipc_zmq(zmq_peer.endpoint());
  Source source;
  am::rpc::Server server(source.machine(), {.endpoint = "inproc://am-bench", .push_interval = 0ms});
  LocalZmq local_zmq("inproc://am-bench-zmq");
  Remote inproc(server.endpoint());
  RawZmq inproc_zmq("inproc://am-bench-zmq");
  const auto took = measure_trips({mutation(ipc), timed([&] { ipc_zmq.round_trip(); }),
                                   mutation(inproc), timed([&] { inproc_zmq.round_trip(); })},
                                  settings);
  add_latency(report, "mutate_ipc", took[0], "raw ZeroMQ, ipc", &took[1]);
  add_latency(report, "mutate_inproc", took[2], "raw ZeroMQ, inproc", &took[3]);
}

// -- many calls at a time -----------------------------------------------------------------------

/// Threads that wait to do their share of each run.
class Crew {
 public:
  Crew(std::size_t size, std::function<void(std::size_t thread, std::size_t n)> work)
      : start_(static_cast<std::ptrdiff_t>(size) + 1), end_(static_cast<std::ptrdiff_t>(size) + 1) {
    for (std::size_t i = 0; i < size; ++i) {
      threads_.emplace_back([this, i, work] {
        while (true) {
          start_.arrive_and_wait();
          if (each_ == 0) return;
          try {
            work(i, each_);
          } catch (const std::exception&) {
            failed_ = true;
          }
          end_.arrive_and_wait();
        }
      });
    }
  }
  ~Crew() {
    each_ = 0;
    start_.arrive_and_wait();
  }
  Crew(Crew&&) = delete;
  Crew& operator=(Crew&&) = delete;

  std::size_t run(std::size_t n) {
    each_ = std::max<std::size_t>(1, n / threads_.size());
    start_.arrive_and_wait();
    end_.arrive_and_wait();
    require(!failed_, "a call failed");
    return each_ * threads_.size();
  }

 private:
  std::barrier<> start_;
  std::barrier<> end_;
  std::size_t each_ = 0;
  std::atomic<bool> failed_{false};
  std::vector<std::jthread> threads_;
};

double thousands_per_second(double ns) { return 1e6 / ns; }

void many_calls(Report& report, const Settings& settings) {
  Peer machine_peer("machine");
  Peer zmq_peer("zmq");
  Remote remote(machine_peer.endpoint());
  RawZmq zmq(zmq_peer.endpoint());
  std::vector<am::StateId> ids;
  for (std::size_t i = 0; i < callers; ++i) ids.push_back(remote.machine.state(state_name(i)));
  Crew crew(callers, [&](std::size_t thread, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) toggle_remote(remote.machine, ids[thread]);
  });
  const auto again = remote.machine.state("Again");
  std::vector<std::optional<am::Pending<am::Result>>> under_way(window);
  const auto finish = [](std::optional<am::Pending<am::Result>>& pending) {
    if (pending) require(pending->get() == am::Result::executed, "a mutation was not executed");
    pending.reset();
  };
  std::vector<Work> works{[&](std::size_t n) { return crew.run(n); },
                          [&](std::size_t n) {
                            zmq.round_trips(n, callers);
                            return n;
                          },
                          [&](std::size_t n) {
                            for (std::size_t i = 0; i < n; ++i) {
                              finish(under_way[i % window]);
                              under_way[i % window] = remote.machine.add_async(again);
                            }
                            for (auto& pending : under_way) finish(pending);
                            return n;
                          },
                          [&](std::size_t n) {
                            zmq.round_trips(n, window);
                            return n;
                          }};
  std::unique_ptr<Peer> grpc_peer;
  std::unique_ptr<RawGrpc> grpc;
  std::unique_ptr<Crew> grpc_crew;
  if (has_grpc()) {
    grpc_peer = std::make_unique<Peer>("grpc");
    grpc = make_grpc(grpc_peer->endpoint());
    grpc_crew = std::make_unique<Crew>(callers, [&](std::size_t, std::size_t n) {
      for (std::size_t i = 0; i < n; ++i) grpc->call();
    });
    works.push_back([&](std::size_t n) { return grpc_crew->run(n); });
  }
  const auto ns = measure(works, settings, Clock::wall);
  const auto add = [&](const char* name, double value, const char* baseline, double against,
                       std::optional<Budget> budget = {}) {
    report.add({name, thousands_per_second(value), "k/s", baseline, thousands_per_second(against),
                budget});
  };
  add("mutate16", ns[0], "raw ZeroMQ, 16 under way", ns[1], {{Budget::Of::least, 100}});
  if (grpc != nullptr) add("mutate16_grpc", ns[0], "gRPC unary, 16 threads", ns[4]);
  add("pipelined", ns[2], "raw ZeroMQ, 512 under way", ns[3], {{Budget::Of::least, 600}});
}

// -- pushes -------------------------------------------------------------------------------------

/// A trip that waits for the peer's next event, which `next` returns the number of.
Trip pushed(Peer& peer, std::function<std::uint64_t()> next) {
  return {[&peer, next = std::move(next)] {
            const auto i = next();
            return static_cast<double>(shared_now() - peer.stamps()[i].load()) / 1e3;
          },
          [&peer](std::size_t trips) { peer.push(trips); }};
}

void pushes(Report& report, const Settings& settings) {
  Peer machine_peer("machine");
  Peer zmq_peer("zmq");
  Remote remote(machine_peer.endpoint());
  RawZmq zmq(zmq_peer.endpoint());
  const auto changed = [&, next = std::uint64_t{0}]() mutable {
    const auto id = remote.machine.state("Pushed");
    const auto ended = remote.machine.when_time(id, am::Tick{next + 1}).wait_for(20s);
    require(ended == am::Ended::fired, "a push did not come");
    return next++;
  };
  std::vector<Trip> trips{pushed(machine_peer, changed),
                          pushed(zmq_peer, [&] { return zmq.next_push(); })};
  std::unique_ptr<Peer> grpc_peer;
  std::unique_ptr<RawGrpc> grpc;
  if (has_grpc()) {
    grpc_peer = std::make_unique<Peer>("grpc");
    grpc = make_grpc(grpc_peer->endpoint());
    trips.push_back(pushed(*grpc_peer, [&] { return grpc->next_push(); }));
  }
  const auto took = measure_trips(trips, settings, Pace::of_peer);
  add_latency(report, "push", took[0], "raw ZeroMQ push", &took[1], {{Budget::Of::ratio, 1.3}});
  if (grpc != nullptr) add_latency(report, "push_grpc", took[0], "gRPC server stream", &took[2]);
}

// -- doing nothing ------------------------------------------------------------------------------

std::int64_t own_cpu_ns() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

void idle_cpu(Report& report, const Settings& settings) {
  constexpr std::size_t links = 100;
  Peer peer("machine");
  am::rpc::Client client({.endpoint = peer.endpoint()});
  std::vector<am::rpc::RemoteMachine> machines;
  for (std::size_t i = 0; i < links; ++i) {
    auto attached = client.attach();
    require(attached.has_value(), "the client could not attach");
    machines.push_back(std::move(*attached));
  }
  const auto start = shared_now();
  const auto before = own_cpu_ns() + peer.cpu_ns();
  std::this_thread::sleep_for(settings.quick ? 100ms : 10s);
  const auto used = own_cpu_ns() + peer.cpu_ns() - before;
  report.add({"idle_cpu",
              100 * static_cast<double>(used) / static_cast<double>(shared_now() - start),
              "%",
              {},
              0,
              {{Budget::Of::value, 0.5}}});
}

}  // namespace

std::unique_ptr<Service> make_machine_service(const std::string& endpoint) {
  return std::make_unique<MachineService>(endpoint);
}

void run_rpc(Report& report, const Settings& settings) {
  struct Part {
    const char* name;
    void (*run)(Report&, const Settings&);
  };
  for (const auto& [name, run] :
       {Part{"one", one_caller}, Part{"transports", other_transports}, Part{"many", many_calls},
        Part{"push", pushes}, Part{"idle", idle_cpu}}) {
    if (settings.part.empty() || settings.part == name) run(report, settings);
  }
}

}  // namespace bench
