#include <am/rpc/internal/clock_feeds.hpp>

#include <algorithm>
#include <utility>

namespace am::rpc::internal {

namespace {

void sort(std::vector<std::string>& names) {
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
}

/// Choices of the same states are the same; schema and log make no difference to what is shown.
SyncOptions normal(SyncOptions choice) {
  if (choice.states) sort(*choice.states);
  sort(choice.skip);
  choice.schema = true;
  choice.log = false;
  return choice;
}

}  // namespace

ClockFeeds::Held* ClockFeeds::open(SyncOptions choice, std::span<const std::string_view> names,
                                   std::string& error) {
  if (choice.log && choice.shallow) {
    error = resolve(choice, names).error;
    return nullptr;
  }
  choice = normal(std::move(choice));
  const auto found =
      std::ranges::find_if(feeds_, [&](const auto& held) { return held->choice_ == choice; });
  if (found != feeds_.end()) {
    ++(*found)->links_;
    return found->get();
  }
  auto resolved = resolve(choice, names);
  if (!resolved.filter) {
    error = std::move(resolved.error);
    return nullptr;
  }
  feeds_.push_back(std::make_unique<Held>(std::move(choice), std::move(*resolved.filter)));
  ++feeds_.back()->links_;
  return feeds_.back().get();
}

void ClockFeeds::close(Held* held) noexcept {
  --held->links_;
  const auto idle = [](const auto& h) { return h->links_ == 0; };
  if (static_cast<std::size_t>(std::ranges::count_if(feeds_, idle)) <= idle_limit) return;
  feeds_.erase(std::ranges::find_if(feeds_, idle));
}

void ClockFeeds::read(ClocksView clocks) noexcept {
  read_ = clocks;
  ++reading_;
}

LinkClocks ClockFeeds::of(Held& held) {
  if (std::exchange(held.reading_, reading_) != reading_) held.feed_.observe(read_, std::nullopt);
  return LinkClocks{held.feed_};
}

void ClockFeeds::grow(std::span<const std::string_view> names) {
  for (const auto& held : feeds_) {
    auto resolved = resolve(held->choice_, names);
    if (resolved.filter) held->feed_.grow(std::move(*resolved.filter));
  }
}

}  // namespace am::rpc::internal
