#include "client/table.hpp"

#include <fmt/format.h>

#include <cinttypes>

namespace file_pipeline {

std::string with_commas(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, 1, ',');
  return text;
}

std::optional<ByteTotals> parse_totals(const std::string& line) {
  ByteTotals totals;
  const int fields =
      std::sscanf(line.c_str(), "finished: %" SCNu64 " bytes read, %" SCNu64 " bytes compressed",
                  &totals.read, &totals.compressed);
  if (fields != 2) return std::nullopt;
  return totals;
}

void print_table(std::FILE* out, const Summary& summary) {
  const auto row = [&](const char* name, const std::string& number, const std::string& note = {}) {
    fmt::print(out, "  {:<18}{:>14}{}{}\n", name, number, note.empty() ? "" : "  ", note);
  };
  const Counts& counts = summary.counts;
  fmt::print(out, "\n");
  row("files verified", with_commas(counts.verified),
      fmt::format("of {} found", with_commas(counts.found)));
  row("refused", with_commas(counts.refused), "cannot be read, or over a limit");
  row("failed", with_commas(counts.failed));
  if (summary.bytes) {
    const auto [read, compressed] = *summary.bytes;
    row("bytes read", with_commas(read));
    row("bytes compressed", with_commas(compressed),
        read == 0 ? "" : fmt::format("{} %", compressed * 100 / read));
  }
  row("seconds", fmt::format("{:.2f}", summary.time.count()));
  row("mutations sent", with_commas(summary.link.mutations));
  row("pushes received", with_commas(summary.link.pushes), "clocks of the worker's states");
  row("bytes on the wire", with_commas(summary.connection.bytes_in + summary.connection.bytes_out),
      fmt::format("{} sent, {} received", with_commas(summary.connection.bytes_out),
                  with_commas(summary.connection.bytes_in)));
  if (!summary.bytes) fmt::print(out, "  The worker prints the files' bytes.\n");
}

}  // namespace file_pipeline
