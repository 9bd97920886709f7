// Growth of a machine's schema at run time (spec machine 2.8): states are added at the end, nothing
// moves, and readers on other threads notice nothing.
#include <am/internal/growth.hpp>

#include <am/error.hpp>
#include <am/internal/drain_scope.hpp>
#include <am/internal/local_core.hpp>
#include <am/internal/schema_data.hpp>
#include <am/internal/waits.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <utility>

namespace am::internal {

namespace {

[[noreturn]] void refuse(const Schema& wanted, std::string_view name, std::string_view instead) {
  if (wanted.find(name) == nullptr) {
    std::vector<std::string_view> names;
    for (const auto& entry : wanted.entries()) names.push_back(entry.name.text);
    throw Error(Errc::schema, fmt::format("a schema only grows: state \"{}\" is missing in the new "
                                          "one{}",
                                          name, suggestion(name, names)));
  }
  throw Error(Errc::schema,
              fmt::format("a schema only grows: \"{}\" stands where state \"{}\" has to stay; list "
                          "the existing states first, in their order",
                          instead, name));
}

}  // namespace

Schema grown_schema(const CompiledSchema& now, const Schema& wanted) {
  std::vector<Schema::Entry> entries;
  auto next = wanted.entries().begin();
  const auto skip_exception = [&] {
    if (next != wanted.entries().end() && next->name.text == exception_state) ++next;
  };
  for (const auto& existing : now.schema().entries()) {
    if (existing.name.text == exception_state) {
      const auto* defined = wanted.find(exception_state);
      entries.push_back(defined == nullptr ? existing : Schema::Entry{existing.name, *defined});
      continue;
    }
    skip_exception();
    if (next == wanted.entries().end() || next->name != existing.name) {
      refuse(wanted, existing.name.text,
             next == wanted.entries().end() ? std::string_view{} : next->name.text);
    }
    entries.push_back(*next++);
  }
  for (; next != wanted.entries().end(); ++next) {
    if (next->name.text != exception_state) entries.push_back(*next);
  }
  const auto* set = wanted.set();
  const bool in_its_order =
      set != nullptr && set->names.size() <= entries.size() &&
      std::ranges::equal(set->names, std::span(entries).first(set->names.size()), {}, {},
                         [](const Schema::Entry& e) -> std::string_view { return e.name.text; });
  Schema grown(std::move(entries), wanted.groups());
  if (in_its_order) grown.set_ = set;
  return grown;
}

}  // namespace am::internal

namespace am::detail {

Result LocalCore::extend_schema(const Schema& wanted, Duration limit) {
  check_may_block();
  // Machines whose handlers waited for each other would do so for ever.
  if (DrainScope::innermost() != nullptr) limit = {};
  std::exception_ptr refused;
  const bool ran = eval(
      [&] {
        try {
          grow(wanted);
        } catch (...) {
          refused = std::current_exception();
        }
      },
      {}, limit);
  if (refused) std::rethrow_exception(refused);
  if (ran) return Result::executed;
  return {Result::canceled, queue_.closed() ? Reason::disposed : Reason::timeout};
}

/// By the drainer, between transitions. What can fail comes before the first change.
void LocalCore::grow(const Schema& wanted) {
  const auto& before = board().schema();
  CompiledSchema after(internal::grown_schema(before, wanted));
  auto storage = ClockBoard::make_storage(after);
  {
    // Bindings made from now on find room for all states; no transition runs that could mind.
    std::shared_ptr<const Attachments> former;  // goes without the lock
    const std::lock_guard lock(attach_mutex_);
    std::shared_ptr<Attachments> larger;
    if (attachments_ != no_attachments()) {
      larger = std::make_shared<Attachments>(*attachments_);
      larger->handlers.grow(after.size());
    }
    const CommitMutex::Writer commit(board().commit_mutex());
    waits().grow(after.size());
    board().grow(std::move(storage));
    if (larger != nullptr) {
      former = std::exchange(attachments_, std::move(larger));
      attachments_version_.fetch_add(1, std::memory_order_release);
    }
  }
  settled_ = false;  // relations may be others now
  refresh_attachments();
  each_tracer([&](Tracer& tracer) { tracer.schema_changed(before, board().schema()); });
}

}  // namespace am::detail
