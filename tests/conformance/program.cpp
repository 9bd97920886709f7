#include "program.hpp"

#include "report.hpp"
#include "runner.hpp"
#include "vector_file.hpp"

#include <fmt/ostream.h>

#include <string_view>

namespace conformance {

namespace {

/// Counts the cases, and prints the first failures.
class Tally {
 public:
  Tally(const Options& options, std::ostream& out) : options_(options), out_(out) {}

  void pass() { ++passed_; }

  void fail(std::string_view text) {
    if (failed_++ < options_.max_failures) fmt::print(out_, "{}", text);
  }

  int finish() const {
    if (failed_ > options_.max_failures) {
      fmt::print(out_, "{} more failures are not shown (--max-failures)\n",
                 failed_ - options_.max_failures);
    }
    if (passed_ + failed_ == 0) {
      fmt::print(out_, "no case {}in these files\n",
                 options_.only.empty() ? "" : fmt::format("\"{}\" ", options_.only));
    }
    fmt::print(out_, "{} passed, {} failed\n", passed_, failed_);
    return failed_ == 0 && passed_ > 0 ? 0 : 1;
  }

 private:
  const Options& options_;
  std::ostream& out_;
  std::size_t passed_ = 0;
  std::size_t failed_ = 0;
};

void run_line(const std::string& path, const Line& line, const Options& options, Tally& tally,
              std::ostream& out) {
  if (!line.test) {
    tally.fail(line.number == 0 ? fmt::format("{}: {}\n", path, line.problem)
                                : fmt::format("{}:{}: {}\n", path, line.number, line.problem));
    return;
  }
  const auto& test = *line.test;
  if (!options.only.empty() && test.id != options.only) return;
  const auto observed = observe(test);
  const auto differences = compare(test, observed);
  if (!options.only.empty()) fmt::print(out, "{}", trace(test, observed));
  if (differences.empty()) {
    tally.pass();
  } else {
    tally.fail(options.only.empty()
                   ? fmt::format("{}:{}: {}", path, line.number, report(test, differences))
                   : std::string{});  // the trace has it all
  }
}

}  // namespace

int run(const Options& options, std::ostream& out) {
  Tally tally(options, out);
  for (const auto& path : options.files) {
    VectorFile file(path);
    while (const auto line = file.next()) run_line(path, *line, options, tally, out);
  }
  return tally.finish();
}

}  // namespace conformance
