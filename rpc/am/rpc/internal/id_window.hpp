// The requests of a link that have no answer yet.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace am::rpc::internal {

/// Values by strictly increasing id. Made for windows: ids are added at the end and mostly leave in
/// the same order. Find is O(log n), O(1) where ids follow each other without a gap; the rest is
/// O(1) amortised, without allocation once it has grown.
template <class T>
class IdWindow {
 public:
  struct Entry {
    std::uint64_t id = 0;
    std::optional<T> value;  ///< nothing: removed, and kept only until all before it are removed
  };

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  /// How many places are in use: values, and removed ones between them.
  std::size_t entries() const noexcept { return entries_.size(); }

  /// Adds `value`; `id` must be above all ids added before.
  void add(std::uint64_t id, T value) {
    entries_.push_back({id, std::move(value)});
    ++size_;
  }

  /// The value of `id`, or null. Valid until the next `add` or `remove`.
  T* find(std::uint64_t id) noexcept {
    const auto entry = position(id);
    return entry != entries_.end() && entry->id == id && entry->value ? &*entry->value : nullptr;
  }

  /// Removes `id` and returns its value; nothing when it is not there.
  std::optional<T> remove(std::uint64_t id) {
    const auto entry = position(id);
    if (entry == entries_.end() || entry->id != id || !entry->value) return std::nullopt;
    std::optional<T> value = std::move(entry->value);
    entry->value.reset();
    --size_;
    while (first_ < entries_.size() && !entries_[first_].value) ++first_;
    // At least half of the entries go each time, so that this costs nothing on average, and one id
    // that stays forever does not keep all that came after it.
    if (entries_.size() > 2 * size_ + slack) {
      std::erase_if(entries_, [](const Entry& e) { return !e.value; });
      first_ = 0;
    }
    return value;
  }

  /// The lowest id; nothing when empty.
  std::optional<std::uint64_t> lowest() const noexcept {
    if (empty()) return std::nullopt;
    return entries_[first_].id;
  }

  /// The lowest id that is not below `id`; nothing when there is none.
  std::optional<std::uint64_t> next(std::uint64_t id) noexcept {
    auto entry = position(id);
    while (entry != entries_.end() && !entry->value) ++entry;
    return entry == entries_.end() ? std::nullopt : std::optional{entry->id};
  }

  /// Calls `visit(id, value)` for each value, in the order of ids. It must not add or remove.
  template <class Visit>
  void for_each(Visit&& visit) {
    for (std::size_t i = first_; i < entries_.size(); ++i) {
      if (entries_[i].value) visit(entries_[i].id, *entries_[i].value);
    }
  }

 private:
  static constexpr std::size_t slack = 16;

  auto position(std::uint64_t id) noexcept {
    const auto first = entries_.begin() + static_cast<std::ptrdiff_t>(first_);
    if (first != entries_.end() && id >= first->id) {
      const auto guess = id - first->id;  // where it is, without gaps
      if (guess < entries_.size() - first_) {
        const auto entry = first + static_cast<std::ptrdiff_t>(guess);
        if (entry->id == id) return entry;
      }
    }
    return std::lower_bound(first, entries_.end(), id,
                            [](const Entry& entry, std::uint64_t i) { return entry.id < i; });
  }

  std::vector<Entry> entries_;
  std::size_t first_ = 0;  // everything before is removed
  std::size_t size_ = 0;
};

}  // namespace am::rpc::internal
