// Group machine: what serving a machine costs it.
#include "groups.hpp"

#include <am/machine.hpp>
#include <am/rpc/client.hpp>
#include <am/rpc/server.hpp>

namespace bench {

void run_machine_served(Report& report, const Settings& settings) {
  const am::Schema schema{{"S0", {}}, {"S1", {}}, {"S2", {}}};
  am::Machine bare(schema);
  am::Machine served(schema);
  // Nothing is pushed while this runs: the link is there, and its next push is far away.
  am::rpc::Server server(served, {.push_interval = std::chrono::hours(1)});
  am::rpc::Client client({.endpoint = server.endpoint()});
  auto remote = client.attach();
  require(remote.has_value(), "the client could not attach");

  const auto toggle = [](am::Machine& machine) -> Work {
    return [&machine, id = machine.state("S0")](std::size_t n) {
      for (std::size_t i = 0; i < n; ++i) {
        require(machine.toggle(id) == am::Result::executed, "a toggle was not executed");
      }
      return n;
    };
  };
  const auto ns = measure({toggle(served), toggle(bare)}, settings);
  report.add({"served", ns[0], "ns", "bare", ns[1], {{Budget::Of::ratio, 1.5}}});

  const auto ask = [](const am::Api& api) -> Work {
    return [&api, id = api.state("S1")](std::size_t n) {
      std::size_t active = 0;
      for (std::size_t i = 0; i < n; ++i) active += api.is(id) ? 1 : 0;
      keep(active);
      return n;
    };
  };
  const auto is_ns = measure({ask(*remote), ask(bare)}, settings);
  report.add({"is/proxy", is_ns[0], "ns", "the same, local", is_ns[1], {{Budget::Of::value, 4}}});
}

}  // namespace bench
