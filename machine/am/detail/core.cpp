#include <am/detail/core.hpp>

#include <am/internal/waits.hpp>

#include <utility>

namespace am::detail {

using internal::Waits;
using internal::WaitState;
using internal::WaitTerm;

Core::Core(std::string id, CompiledSchema schema)
    : id_(std::move(id)), board_(std::move(schema)), waits_(std::make_unique<Waits>(board_)) {}

Core::~Core() = default;

Wait Core::attach(WaitState* state) {
  Wait handle(state);
  state->core = shared_from_this();
  auto how = Ended::fired;
  {
    const std::lock_guard lock(board_.commit_mutex());
    if (waits_->attach(*state)) {
      // A machine that is over changes no more; `release_all` takes the same mutex after the mark.
      const auto end = over();
      if (!end) return handle;
      waits_->detach(*state);
      how = *end;
    }
  }
  state->end(how);
  return handle;
}

void Core::detach(WaitState& state) {
  const std::lock_guard lock(board_.commit_mutex());
  waits_->detach(state);
}

Wait Core::wait_on(std::vector<WaitTerm> terms) {
  auto* state = new WaitState;
  state->terms = std::move(terms);
  return attach(state);
}

Wait Core::wait_on_queue(std::uint64_t queue_tick) {
  auto* state = new WaitState;
  state->queue_tick = queue_tick;
  return attach(state);
}

Wait Core::wait_on_ticks(StateIndex state, std::uint64_t ticks) {
  // Ticks only grow: a change between this read and the attachment ends the wait at once.
  return wait_on({{state, WaitTerm::Kind::tick, board_.tick(state) + ticks}});
}

std::stop_token Core::context(StateIndex state) {
  const std::lock_guard lock(board_.commit_mutex());
  if (over()) {
    std::stop_source stopped;
    stopped.request_stop();
    return stopped.get_token();
  }
  return waits_->context(state);
}

void Core::take_contexts(std::span<const StateIndex> changed, std::vector<std::stop_source>& out) {
  if (waits_->has_contexts()) waits_->take_contexts(changed, out);
}

void Core::fire_waits(std::span<const StateIndex> changed) {
  if (waits_->idle()) return;
  WaitState* chain = nullptr;
  {
    const CommitMutex::Writer lock(board_.commit_mutex());
    chain = waits_->fired(changed);
  }
  Waits::finish(chain, Ended::fired);
}

void Core::fire_queue_waits(std::uint64_t ended) {
  if (!waits_->queue_ended(ended)) return;
  WaitState* chain = nullptr;
  {
    const std::lock_guard lock(board_.commit_mutex());
    chain = waits_->fired_by_queue();
  }
  Waits::finish(chain, Ended::fired);
}

void Core::release_all(Ended how) {
  WaitState* chain = nullptr;
  std::vector<std::stop_source> contexts;
  {
    const std::lock_guard lock(board_.commit_mutex());
    chain = waits_->take_all();
    waits_->take_all_contexts(contexts);
  }
  // As in a transition: whoever wakes from a wait finds the contexts stopped.
  for (auto& source : contexts) source.request_stop();
  Waits::finish(chain, how);
}

}  // namespace am::detail
