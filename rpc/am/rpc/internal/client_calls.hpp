// The calls of a remote machine that have no answer yet.
#pragma once

#include <am/result.hpp>
#include <am/rpc/internal/bytes.hpp>
#include <am/rpc/internal/id_window.hpp>
#include <am/rpc/internal/messages.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace am::rpc::internal {

/// What to do with a call while there is no open link.
enum class DownPolicy : std::uint8_t {
  fail,  ///< `not_sent` at once
  wait,  ///< sent when the link is open again, unless its time is up before
};

/// A mutation or dry run, kept until it is answered, so that it can be sent again.
struct ClientCall {
  using TimePoint = std::chrono::steady_clock::time_point;

  Op op = Op::add;
  std::vector<StateIndex> called{};
  Bytes args{};
  TimePoint deadline = TimePoint::max();  ///< answered by then, or it ends as `unknown`
  TimePoint expires = TimePoint::max();   ///< sent by then, or it ends as `not_sent`
  DownPolicy when_down = DownPolicy::fail;

  // Kept by the link.
  bool sent = false;
  /// The answer, when it came during a resync: held until the clocks show its effects.
  std::optional<Result> result{};
  std::string error{};
};

/// Calls by request id, and when the first of them ends. `Answer` below is called as
/// `answer(RequestId, Result, std::string_view text)`; it must not call back. Not thread-safe.
class ClientCalls {
 public:
  using TimePoint = ClientCall::TimePoint;

  bool empty() const noexcept { return calls_.empty(); }
  std::size_t size() const noexcept { return calls_.size(); }
  std::optional<RequestId> lowest() const noexcept { return calls_.lowest(); }
  /// The id that the next call gets.
  RequestId next() const noexcept { return last_ + 1; }
  /// An id for a call that is answered at once.
  RequestId pass() noexcept { return ++last_; }
  ClientCall* find(RequestId request) noexcept { return calls_.find(request); }
  bool remove(RequestId request) { return calls_.remove(request).has_value(); }

  /// Keeps `call`, under `next()`.
  void add(ClientCall call) {
    first_end_ = std::min(next_deadline(), end_of(call));
    calls_.add(++last_, std::move(call));
  }

  /// Calls `visit(request, call)` for each, in the order of their making.
  template <class Visit>
  void for_each(Visit&& visit) {
    calls_.for_each(visit);
  }

  /// When `expire` must be called next, or earlier.
  TimePoint next_deadline() const noexcept { return empty() ? TimePoint::max() : first_end_; }

  /// Ends the calls whose time is up. Returns how many were waiting for an answer.
  template <class Answer>
  std::size_t expire(TimePoint now, Answer&& answer) {
    if (now < first_end_) return 0;
    first_end_ = TimePoint::max();
    std::size_t timeouts = 0;
    end_if([&](RequestId request, ClientCall& call) {
      if (now < end_of(call)) {
        first_end_ = std::min(first_end_, end_of(call));
        return false;
      }
      if (call.result) {
        answer(request, *call.result, call.error);
      } else if (call.sent) {
        ++timeouts;
        answer(request, Result{Result::unknown, Reason::timeout}, "no answer before the deadline");
      } else {
        const bool expired = call.expires <= call.deadline;
        answer(request, Result{Result::not_sent, expired ? Reason::expired : Reason::timeout},
               "the link was not open in time");
      }
      return true;
    });
    return timeouts;
  }

  /// A session has ended, and its link with it: whether what was sent has run will never be known.
  /// `all`: what was not sent never will be either.
  template <class Answer>
  void end(bool all, std::string_view text, Answer&& answer) {
    end_if([&](RequestId request, ClientCall& call) {
      if (call.result) {
        // Worth more than the clocks that it waited for.
        answer(request, *call.result, call.error);
      } else if (call.sent) {
        answer(request, Result{Result::unknown, Reason::link}, text);
      } else if (all) {
        answer(request, Result{Result::not_sent, Reason::link}, text);
      } else {
        return false;
      }
      return true;
    });
  }

  /// Removes the calls for which `ends(request, call)` returns true.
  template <class Ends>
  void end_if(Ends&& ends) {
    std::vector<RequestId> ended;
    calls_.for_each([&](RequestId request, ClientCall& call) {
      if (ends(request, call)) ended.push_back(request);
    });
    for (const RequestId request : ended) calls_.remove(request);
  }

 private:
  static TimePoint end_of(const ClientCall& call) noexcept {
    return call.sent ? call.deadline : std::min(call.deadline, call.expires);
  }

  IdWindow<ClientCall> calls_{};
  RequestId last_ = 0;
  TimePoint first_end_ = TimePoint::max();
};

}  // namespace am::rpc::internal
