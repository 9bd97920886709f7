// Differences and traces as text for a person.
#pragma once

#include "runner.hpp"

#include <string>
#include <vector>

namespace conformance {

/// The first step of a case that differs: all its wrong facts, and how many follow in later steps.
/// Several lines, each ended.
std::string report(const Case& test, const std::vector<Difference>& differences);

/// All that a case says and all that the machine did, step by step, with the differences.
std::string trace(const Case& test, const Observed& observed);

}  // namespace conformance
