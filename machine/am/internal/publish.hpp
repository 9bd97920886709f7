// How a machine's or a proxy's clocks change: all at once, and contexts with them.
#pragma once

#include <am/detail/core.hpp>
#include <am/internal/waits.hpp>

#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace am::detail {

template <class Write>
void Core::publish(std::span<const StateIndex> changed, Write&& write) {
  std::optional<std::vector<EndedContext>> ended;
  {
    const CommitMutex::Writer lock(board_.commit_mutex());
    {
      ClockBoard::Write clocks(board_);
      std::forward<Write>(write)(clocks);
    }
    // In the same section: a context made from now on belongs to the new ticks.
    if (waits_->has_contexts()) [[unlikely]] {
      waits_->take_contexts(changed, ended.emplace());
    }
  }
  if (ended) [[unlikely]] {
    stop(*ended);
  }
}

}  // namespace am::detail
