// What the client prints at the end.
#pragma once

#include "client/progress.hpp"

#include <am/rpc/client.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>

namespace file_pipeline {

/// Bytes of the verified files. No clock counts them, so they come on the worker's own output.
struct ByteTotals {
  std::uint64_t read = 0;
  std::uint64_t compressed = 0;
};

/// Reads the worker's line "finished: N bytes read, M bytes compressed".
std::optional<ByteTotals> parse_totals(const std::string& line);

struct Summary {
  Counts counts{};
  std::chrono::duration<double> time{};
  std::optional<ByteTotals> bytes{};
  am::rpc::LinkTraffic link{};
  am::rpc::ConnectionTraffic connection{};
};

void print_table(std::FILE* out, const Summary& summary);

/// "1,234,567"
std::string with_commas(std::uint64_t number);

}  // namespace file_pipeline
