// Runs a case on a machine, through its public API only, and compares what it did with the facts.
#pragma once

#include "case.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace conformance {

/// Most nested calls in one step; a machine that never stops calling handlers is stopped here.
inline constexpr std::size_t max_nested_calls = 1000;

/// What a machine did.
struct Observed {
  Names states{};  ///< in index order
  bool cyclic = false;
  std::vector<Facts> steps{};
  /// What the machine threw, if it did, in the step after the last of `steps`.
  std::string error{};
};

/// One fact that does not hold.
struct Difference {
  std::size_t step = 0;  ///< from 1; 0 for facts of the case itself
  std::string field{};   ///< as in the file; "error" when the machine threw
  Names expected{};
  Names got{};
};

/// Runs all steps on a fresh machine.
Observed observe(const Case& test);

/// All facts of `test` that `observed` contradicts, in the order of the steps.
std::vector<Difference> compare(const Case& test, const Observed& observed);

inline std::vector<Difference> run_case(const Case& test) { return compare(test, observe(test)); }

}  // namespace conformance
