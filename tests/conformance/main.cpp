// conformance FILE...: do the test vectors hold?

#include "program.hpp"

#include <CLI/CLI.hpp>

#include <cstddef>
#include <iostream>

int main(int argc, char** argv) {
  conformance::Options options;
  CLI::App app{"Runs test vectors through the machine's public API and compares every fact."};
  app.add_option("FILE", options.files, "Vectors: one JSON case per line, plain or gzip-compressed")
      ->required();
  app.add_option("--max-failures", options.max_failures, "How many failures to print in detail")
      ->check(CLI::Range(std::size_t{0}, std::size_t{1'000'000}))
      ->capture_default_str();
  app.add_option("--case", options.only, "Run only the case with this id, and print its full trace")
      ->type_name("ID");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // CLI11 has a status of its own for each mistake; here a wrong command line is always 2.
    return app.exit(error) == 0 ? 0 : 2;
  }
  return conformance::run(options, std::cout);
}
