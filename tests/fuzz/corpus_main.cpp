// Runs a fuzz target over the files of a folder, and over cut and damaged copies of them.
#include "target.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <vector>

namespace {

void run(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t count = 0;
  run({});
  for (int i = 1; i < argc; ++i) {
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
      std::ifstream file(entry.path(), std::ios::binary);
      const std::string input(std::istreambuf_iterator<char>(file), {});
      std::printf("%s\n", entry.path().c_str());
      run(input);
      for (std::size_t cut = 0; cut < input.size() && cut < 200; ++cut) run(input.substr(0, cut));
      for (std::size_t at = 0; at < input.size() && at < 200; ++at) {
        auto damaged = input;
        damaged[at] = static_cast<char>(damaged[at] ^ static_cast<char>(1U << (at % 8)));
        run(damaged);
      }
      ++count;
    }
  }
  if (count == 0) std::puts("no input");
  return count == 0 ? 1 : 0;
}
