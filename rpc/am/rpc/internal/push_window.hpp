// How far a server may be ahead of a client that does not read.
#pragma once

#include <am/detail/deadline.hpp>
#include <am/rpc/internal/messages.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace am::rpc::internal {

/// Counts the frames with clocks that are on their way on one connection: sent, and not known to
/// have arrived. While the window is full no push is sent: what a slow client has not been told
/// becomes one push later, and does not fill its queue until it is cut off. All links of a
/// connection share a window, as they share the queue; its frames arrive in order. A client shows
/// how far it is by the answer to a ping, or by a request that says which replies it has, which
/// costs nothing: only pushes alone have to be asked about.
/// No clock; `now` must not go back. Not thread-safe.
class PushWindow {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// Well below what fits into the queue of a connection, where replies need room too.
  static constexpr std::uint64_t default_size = 512;

  explicit PushWindow(std::uint64_t size = default_size) : size_(size) {}

  std::uint64_t under_way() const noexcept { return sent_ - arrived_; }
  bool full() const noexcept { return under_way() >= size_; }

  /// A frame with clocks was sent.
  void sent() noexcept { ++sent_; }
  /// It was the reply to a request.
  void sent_reply(LinkId link, RequestId request) noexcept {
    if (reply_.request == 0) reply_ = {link, request, sent_};
  }

  /// True when the client should be asked how far it is: early enough that a client which reads is
  /// never waited for.
  bool should_ask() const noexcept { return !asking_ && under_way() >= (size_ + 1) / 2; }
  /// Returns the token of a ping that asks it on `link`.
  std::uint64_t ask(LinkId link, TimePoint now) noexcept {
    delay_ = asking_ ? std::min(2 * delay_, longest_delay) : first_delay;
    asking_ = true;
    asked_ = sent_;
    asked_on_ = link;
    again_at_ = detail::deadline_after(now, delay_);
    return sent_;
  }
  /// When to ask once more while the window is full: a ping may be lost, and a link may end.
  TimePoint ask_again_at() const noexcept { return asking_ ? again_at_ : TimePoint{}; }

  /// A pong came. Tokens of no ping are ignored.
  void answered(std::uint64_t token) noexcept {
    if (token > sent_) return;
    arrived_ = std::max(arrived_, token);
    if (token >= asked_) asking_ = false;
  }
  /// A client has the replies to all requests of a link below `lowest`.
  void has_replies_below(LinkId link, RequestId lowest) noexcept {
    if (reply_.request == 0 || reply_.link != link || lowest <= reply_.request) return;
    arrived_ = std::max(arrived_, reply_.position);
    reply_ = {};
  }
  /// A link has ended: what it was asked is not answered any more.
  void forget(LinkId link) noexcept {
    if (asked_on_ == link) asking_ = false;
    if (reply_.link == link) reply_ = {};
  }

 private:
  static constexpr std::chrono::seconds first_delay{1};
  static constexpr std::chrono::seconds longest_delay{64};

  /// The first of the replies that the client has not shown to have.
  struct Reply {
    LinkId link = 0;
    RequestId request = 0;  ///< 0 = none
    std::uint64_t position = 0;
  };

  std::uint64_t size_;
  std::uint64_t sent_ = 0;
  std::uint64_t arrived_ = 0;
  Reply reply_{};
  bool asking_ = false;
  std::uint64_t asked_ = 0;
  LinkId asked_on_ = 0;
  std::chrono::seconds delay_ = first_delay;
  TimePoint again_at_{};
};

}  // namespace am::rpc::internal
