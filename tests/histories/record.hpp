// Runs several threads against one machine and writes down what happened.
#pragma once

#include "history.hpp"

namespace histories {

/// How much happens in one history.
struct Load {
  int mutators = 3;
  int readers = 1;
  int mutations = 40;      ///< of each mutator
  int from_handlers = 40;  ///< in all
};

/// A random schema, handlers that refuse, throw and mutate, and threads that mutate, read and wait.
/// The seed decides what everyone does, the scheduler in which order.
History record(std::uint64_t seed, const Load& load = {});

}  // namespace histories
