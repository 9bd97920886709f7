#include "report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace conformance {

namespace {

using Out = std::back_insert_iterator<std::string>;

// How much of a long list is shown around its first difference.
constexpr std::size_t items_before = 6;
constexpr std::size_t items_after = 12;

/// The items near `at`, with the one at `at` in brackets.
std::string excerpt(const Names& list, std::size_t at) {
  const auto first = at > items_before ? at - items_before : 0;
  const auto last = std::min(list.size(), at + items_after);
  std::string text = first > 0 ? "..." : "";
  for (auto i = first; i < last; ++i) {
    if (!text.empty()) text += ' ';
    text += i == at ? fmt::format("[{}]", list[i]) : list[i];
  }
  if (at >= list.size()) text += text.empty() ? "[end]" : " [end]";
  if (last < list.size()) text += " ...";
  return text;
}

std::string step_title(const Case& test, std::size_t step) {
  if (step == 0) return "schema";
  if (step > test.steps.size()) return "after the last step";
  return fmt::format("step {} {}", step, to_string(test.steps[step - 1].mutation));
}

void write(const Difference& difference, Out out) {
  const auto& [step, field, expected, got] = difference;
  if (field == "error") {
    fmt::format_to(out, "    error: the machine threw: {}\n", join(got, " "));
    return;
  }
  const auto at =
      static_cast<std::size_t>(std::ranges::mismatch(expected, got).in1 - expected.begin());
  if (expected.size() > 1 || got.size() > 1) {
    fmt::format_to(out, "    {}: item {} differs ({} expected, {} got)\n", field, at + 1,
                   expected.size(), got.size());
  } else {
    fmt::format_to(out, "    {}\n", field);
  }
  fmt::format_to(out, "      expected  {}\n", excerpt(expected, at));
  fmt::format_to(out, "      got       {}\n", excerpt(got, at));
}

void write_names(const char* title, const Names& names, Out out) {
  if (!names.empty()) fmt::format_to(out, "  {:<9} {}\n", title, join(names, " "));
}

void write_relation(const char* title, const std::vector<am::StateName>& list, Out out) {
  if (list.empty()) return;
  Names names;
  for (const auto& name : list) names.push_back(name.text);
  fmt::format_to(out, " {}={}", title, join(names, ","));
}

void write_case(const Case& test, Out out) {
  fmt::format_to(out, "case {} ({}{}{})\n", test.id, to_string(test.kind),
                 test.cyclic ? ", cyc" : "", test.fixed ? ", fixed" : "");
  write_names("states", test.states, out);
  for (const auto& [name, state] : test.schema.entries()) {
    fmt::format_to(out, "  {:<9}", name.text);
    if (state.automatic) fmt::format_to(out, " auto");
    if (state.multi) fmt::format_to(out, " multi");
    write_relation("require", state.require, out);
    write_relation("add", state.add, out);
    write_relation("remove", state.remove, out);
    write_relation("after", state.after, out);
    fmt::format_to(out, "\n");
  }
  write_names("rejects", test.rejects, out);
  for (const auto& [handler, mutation] : test.nested) {
    fmt::format_to(out, "  nested    {}: {}\n", handler, to_string(mutation));
  }
}

}  // namespace

std::string report(const Case& test, const std::vector<Difference>& differences) {
  std::string text;
  Out out(text);
  if (differences.empty()) return text;
  const auto step = differences.front().step;
  fmt::format_to(out, "case {} ({}): {}\n", test.id, to_string(test.kind), step_title(test, step));
  std::size_t later = 0;
  for (const auto& difference : differences) {
    if (difference.step == step) {
      write(difference, out);
    } else {
      ++later;
    }
  }
  if (later > 0) fmt::format_to(out, "    and {} more in later steps\n", later);
  return text;
}

std::string trace(const Case& test, const Observed& observed) {
  std::string text;
  Out out(text);
  write_case(test, out);
  const auto differences = compare(test, observed);
  const auto write_differences = [&](std::size_t step) {
    for (const auto& difference : differences) {
      if (difference.step == step) write(difference, out);
    }
  };
  write_differences(0);
  for (std::size_t i = 0; i < observed.steps.size(); ++i) {
    fmt::format_to(out, "{}\n", step_title(test, i + 1));
    for (const auto& [name, list] : fields) write_names(name, observed.steps[i].*list, out);
    write_differences(i + 1);
  }
  if (!observed.error.empty()) {
    fmt::format_to(out, "{}\n", step_title(test, observed.steps.size() + 1));
    write_differences(observed.steps.size() + 1);
  }
  return text;
}

}  // namespace conformance
