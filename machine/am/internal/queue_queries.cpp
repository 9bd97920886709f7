// Looking into the queue (spec machine 5.8).
#include <am/internal/local_core.hpp>

#include <algorithm>

namespace am::detail {

using internal::Mutation;

namespace {

bool matches(const Mutation& mutation, std::span<const StateIndex> states,
             const QueueQuery& query) {
  const auto& called = mutation.called;
  if (mutation.type != query.type) return false;
  if (mutation.check != (query.kind == QueueQuery::Kind::check)) return false;
  if (query.args == QueueQuery::With::no_args && !mutation.args.empty()) return false;
  if (mutation.queue_tick < query.from.value) return false;
  if (query.called == QueueQuery::Called::exactly && called.size() != states.size()) return false;
  return std::ranges::all_of(
      states, [&](StateIndex s) { return std::ranges::find(called, s) != called.end(); });
}

bool at_place(std::size_t index, std::size_t size, QueuePlace place) {
  switch (place) {
    case QueuePlace::anywhere: return true;
    case QueuePlace::first: return index == 0;
    case QueuePlace::last: return index + 1 == size;
  }
  return true;
}

}  // namespace

std::vector<PendingMutation> LocalCore::queued() const {
  std::vector<PendingMutation> all;
  const std::lock_guard lock(queue_.mutex());
  queue_.for_each([&](const Mutation& m) {
    if (m.eval) return;
    all.push_back({m.type, m.check, QueueTick{m.queue_tick}, m.called, m.args});
  });
  return all;
}

std::vector<QueuePosition> LocalCore::find_queued(const StateList& states,
                                                  const QueueQuery& query) const {
  std::vector<StateIndex> indexes;
  board().indexes_of(states, indexes);
  std::vector<QueuePosition> found;
  const std::lock_guard lock(queue_.mutex());
  std::size_t index = 0;
  queue_.for_each([&](const Mutation& m) {
    if (m.eval) return;
    if (at_place(index, queue_.size(), query.place) && matches(m, indexes, query)) {
      found.push_back({index, QueueTick{m.queue_tick}});
    }
    ++index;
  });
  return found;
}

}  // namespace am::detail
