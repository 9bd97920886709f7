// All feeds of one source: one for each choice that links have made.
#pragma once

#include <am/rpc/internal/clock_feed.hpp>
#include <am/rpc/internal/sync_choice.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace am::rpc::internal {

/// Feeds stay when their last link has gone, so that shallow ticks go on when it comes back; above
/// `idle_limit` the first ones without links go. No I/O; not thread-safe.
class ClockFeeds {
 public:
  static constexpr std::size_t idle_limit = 64;

  class Held {
   public:
    explicit Held(SyncOptions choice, ClockFilter filter)
        : choice_(std::move(choice)), feed_(std::move(filter)) {}
    const ClockFilter& filter() const noexcept { return feed_.filter(); }

   private:
    friend class ClockFeeds;
    SyncOptions choice_;
    ClockFeed feed_;
    std::uint64_t reading_ = 0;
    std::size_t links_ = 0;
  };

  /// The feed of a choice, or null with what is wrong in `error`. `close` it again.
  Held* open(SyncOptions choice, std::span<const std::string_view> names, std::string& error);
  void close(Held* held) noexcept;

  /// The clocks of the source have been read; `clocks` stays valid until the next call.
  void read(ClocksView clocks) noexcept;
  /// What was read last, as the feed shows it.
  LinkClocks of(Held& held);

  /// The source has the states `names` now, the former ones first.
  void grow(std::span<const std::string_view> names);

  std::size_t size() const noexcept { return feeds_.size(); }

 private:
  std::vector<std::unique_ptr<Held>> feeds_{};
  ClocksView read_{};
  std::uint64_t reading_ = 0;
};

}  // namespace am::rpc::internal
