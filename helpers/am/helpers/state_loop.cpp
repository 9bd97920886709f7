#include <am/helpers/state_loop.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace am {

namespace {

bool names(const std::vector<StateName>& relation, std::string_view state) {
  return std::ranges::any_of(relation, [&](const StateName& name) { return name.text == state; });
}

/// `loop`, what it requires, and what has a relation to it.
std::vector<StateIndex> related_to(const CompiledSchema& schema, StateIndex loop) {
  const auto name = schema.names()[loop];
  std::vector<StateIndex> related;
  for (std::size_t i = 0; i < schema.size(); ++i) {
    const auto index = static_cast<StateIndex>(i);
    const auto& state = schema.state(index);
    if (index == loop || names(schema.state(loop).require, schema.names()[i]) ||
        names(state.require, name) || names(state.add, name) || names(state.remove, name) ||
        names(state.after, name)) {
      related.push_back(index);
    }
  }
  return related;
}

}  // namespace

StateLoop::StateLoop(Api machine, StateRef state, StateLoopOptions options)
    : machine_(std::move(machine)),
      state_(machine_.core()->board().index_of(state)),
      name_(machine_.schema().names()[state_]),
      options_(std::move(options)),
      timers_(options_.timers != nullptr ? options_.timers : machine_.core()->timers()),
      related_(related_to(machine_.schema(), state_)),
      window_begin_(timers_->now()),
      sum_then_(sum()) {}

std::uint64_t StateLoop::sum() const {
  const auto& board = machine_.core()->board();
  std::uint64_t total = 0;
  for (const auto state : related_) total += board.tick(state);
  return total;
}

bool StateLoop::ok() {
  if (!ended_) {
    ended_ = machine_.disposed() || options_.stop.stop_requested() ||
             !machine_.core()->board().is(state_) || (options_.check && !options_.check()) ||
             grows_too_fast();
  }
  return !ended_;
}

bool StateLoop::grows_too_fast() {
  const auto now = timers_->now();
  const auto total = sum();
  if (now - window_begin_ >= options_.window) {
    window_begin_ = now;
    sum_then_ = total;
    return false;
  }
  const auto growth = total - sum_then_;
  if (growth <= options_.threshold) return false;
  machine_.add_error(
      {.message = fmt::format(
           "the loop of \"{}\" was ended: its states grew by {} ticks within {} "
           "ms, {} are allowed (StateLoopOptions::threshold)",
           name_, growth, std::chrono::ceil<std::chrono::milliseconds>(now - window_begin_).count(),
           options_.threshold),
       .where = name_});
  return true;
}

}  // namespace am
