// What became of the requests of one session, so that a repeated one is not executed again.
#pragma once

#include <am/result.hpp>
#include <am/rpc/internal/id_window.hpp>
#include <am/rpc/internal/messages.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace am::rpc::internal {

/// How much a session remembers for requests that may be sent again.
struct RequestLogLimits {
  std::size_t answers = 1024;                  ///< a count
  std::size_t texts = std::size_t{64} << 10U;  ///< bytes of their texts
};

/// The requests of one session from their arrival until the client has said that it has their
/// answers. Outlives the links of the session. Bounded: above the limits the oldest answers go, and
/// who asks for one of those learns that it is gone. No I/O; not thread-safe. O(log n).
class RequestLog {
 public:
  explicit RequestLog(RequestLogLimits limits = {}) noexcept : limits_(limits) {}

  struct Answer {
    Result result{};
    std::string text{};
  };

  enum class Seen {
    fresh,     ///< above all before it
    running,   ///< its answer will come
    answered,  ///< see `answer`
    gone,      ///< it arrived, or was passed over; its answer is not known any more
  };

  // -- properties --------------------------------------------------------------------------------

  Seen look(RequestId request) {
    if (request > last_) return Seen::fresh;
    const auto* entry = entries_.find(request);
    if (entry == nullptr) return Seen::gone;
    return entry->running ? Seen::running : Seen::answered;
  }
  /// What an `answered` request came to; valid until the next change.
  const Answer* answer(RequestId request) {
    const auto* entry = entries_.find(request);
    return entry == nullptr || entry->running ? nullptr : &entry->answer;
  }
  /// The last request that arrived; 0 = none.
  RequestId last() const noexcept { return last_; }
  std::size_t running() const noexcept { return entries_.size() - answers_; }
  std::size_t answers() const noexcept { return answers_; }
  /// About how much memory it holds.
  std::size_t bytes() const noexcept {
    return sizeof *this + entries_.entries() * sizeof(Entry) + texts_;
  }
  /// Calls `visit(request)` for each that runs, in order.
  template <class Visit>
  void for_each_running(Visit&& visit) {
    entries_.for_each([&](RequestId request, const Entry& entry) {
      if (entry.running) visit(request);
    });
  }

  // -- changes -----------------------------------------------------------------------------------

  /// A fresh request starts to run.
  void begin(RequestId request) {
    last_ = request;
    entries_.add(request, {});
  }

  /// A request that runs has ended. Returns false when it does not run. Kept, if `keep`, until
  /// `forget_below`.
  bool finish(RequestId request, Result result, std::string_view text, bool keep) {
    auto* entry = entries_.find(request);
    if (entry == nullptr || !entry->running) return false;
    if (!keep || request < lowest_) {
      entries_.remove(request);
      return true;
    }
    entry->running = false;
    entry->answer = {result, std::string{text}};
    ++answers_;
    texts_ += text.size();
    oldest_ = answers_ == 1 ? request : std::min(oldest_, request);
    while (answers_ > limits_.answers || texts_ > limits_.texts) drop_oldest();
    return true;
  }

  /// The client has the answers of all requests below `lowest`.
  void forget_below(RequestId lowest) {
    for (auto id = entries_.next(lowest_); id && *id < lowest; id = entries_.next(*id + 1))
      drop(*id);
    lowest_ = std::max(lowest_, lowest);
    oldest_ = std::max(oldest_, lowest_);
  }

 private:
  struct Entry {
    bool running = true;
    Answer answer{};
  };

  bool drop(RequestId request) {
    const auto* entry = entries_.find(request);
    if (entry->running) return false;
    --answers_;
    texts_ -= entry->answer.text.size();
    entries_.remove(request);
    return true;
  }

  void drop_oldest() {
    for (;;) {
      const auto id = entries_.next(oldest_);
      oldest_ = *id + 1;  // there is an answer at or above it
      if (drop(*id)) return;
    }
  }

  RequestLogLimits limits_;
  IdWindow<Entry> entries_{};
  RequestId last_ = 0;
  RequestId lowest_ = 0;  // the client has the answers below
  RequestId oldest_ = 0;  // there is no answer below
  std::size_t answers_ = 0;
  std::size_t texts_ = 0;
};

}  // namespace am::rpc::internal
