// The groups of am-bench: one function and one file for each.
#pragma once

#include "harness.hpp"

namespace bench {

void run_machine(Report& report, const Settings& settings);
/// The rows of the group machine that need a server and a client.
void run_machine_served(Report& report, const Settings& settings);
/// The rows of the group machine that callgrind counts; none where valgrind is not installed.
void run_machine_instructions(Report& report, const Settings& settings);
void run_rpc(Report& report, const Settings& settings);
void run_wire(Report& report, const Settings& settings);
/// Does one named work `n` times and measures nothing: what callgrind looks at.
void run_work(const std::string& name, std::size_t n);

}  // namespace bench
