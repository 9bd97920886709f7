// Is a history one that a machine may have?
#pragma once

#include "history.hpp"

#include <string>
#include <vector>

namespace histories {

/// What is wrong with it, in words; nothing when the sequential model explains every step, every
/// call has the result of its own mutation, what was queued ran once and in order, readers saw the
/// clocks of one instant, and waits fired when they had to and not before.
std::vector<std::string> check(const History& history);

}  // namespace histories
