// Group machine: how many instructions a transition is. Callgrind counts them, as virtual machines
// seldom let a program read the processor's own counters.
#include "groups.hpp"
#include "machine_works.hpp"

#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>

namespace bench {

namespace {

struct Named {
  const char* name;
  void (*run)(std::size_t n);
};

void toggle_plain(std::size_t n, std::size_t size, std::size_t active) {
  Plain plain(size, active);
  toggle(plain.machine, plain.id)(n);
}

constexpr std::array works{
    Named{"toggle16", [](std::size_t n) { toggle_plain(n, 16, 0); }},
    Named{"by_hand",
          [](std::size_t n) {
            ByHand by_hand(16);
            toggle(by_hand)(n);
          }},
    Named{"relations2", [](std::size_t n) { Workshop().run(n); }},
    Named{"active50", [](std::size_t n) { toggle_plain(n, 52, 25); }},
    Named{"toggle1024", [](std::size_t n) { toggle_plain(n, 1024, 512); }},
};

/// All instructions of `am-bench work NAME --count N` under callgrind; nothing when that is not to
/// be had here.
std::optional<double> count(const std::string& program, const char* work, std::size_t n) {
  const auto command = fmt::format(
      "valgrind --tool=callgrind --callgrind-out-file=/dev/null '{}' work {} --count {} 2>&1",
      program, work, n);
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  if (pipe == nullptr) return std::nullopt;
  std::optional<double> collected;
  std::array<char, 512> line{};
  while (std::fgets(line.data(), static_cast<int>(line.size()), pipe.get()) != nullptr) {
    const std::string_view text(line.data());
    constexpr std::string_view label = "Collected : ";
    const auto at = text.find(label);
    if (at == std::string_view::npos) continue;
    collected = std::strtod(line.data() + at + label.size(), nullptr);
  }
  return collected;
}

}  // namespace

void run_work(const std::string& name, std::size_t n) {
  for (const auto& work : works) {
    if (work.name == name) return work.run(n);
  }
  throw std::runtime_error(fmt::format("no work \"{}\"", name));
}

void run_machine_instructions(Report& report, const Settings& settings) {
  if (settings.quick) return;  // valgrind takes seconds
  const auto program = std::filesystem::read_symlink("/proc/self/exe").string();
  constexpr std::size_t few = 2'000;
  constexpr std::size_t many = 6'000;
  std::vector<double> each;
  for (const auto& work : works) {
    const auto less = count(program, work.name, few);
    const auto more = count(program, work.name, many);
    if (!less || !more) {
      std::fputs("am-bench: no rows instructions/*: valgrind is not there\n", stderr);
      return;
    }
    // What comes before the first transition is in both.
    each.push_back((*more - *less) / static_cast<double>(many - few));
  }
  for (std::size_t i = 0; i < works.size(); ++i) {
    if (i == 1) continue;
    report.add(
        {fmt::format("instructions/{}", works[i].name), each[i], "each", "by hand", each[1]});
  }
}

}  // namespace bench
