// The groups of am-bench: one function and one file for each.
#pragma once

#include "harness.hpp"

namespace bench {

void run_machine(Report& report, const Settings& settings);
/// The rows of the group machine that need a server and a client.
void run_machine_served(Report& report, const Settings& settings);

}  // namespace bench
