// The waits on arguments that a remote machine has asked its source for.
#pragma once

#include <am/rpc/internal/clock_codec.hpp>
#include <am/rpc/internal/outbox.hpp>
#include <am/rpc/internal/wait_messages.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace am::rpc::internal {

/// Asks, and asks again on the next link after one was lost. No I/O; not thread-safe.
class ClientWaits {
 public:
  /// `args` as bytes. `clocks` are those that the client has. Sent at once when a link is open.
  /// False when the server does not know these frames.
  bool ask(WaitId wait, StateIndex state, Bytes args, ClocksView clocks, Outbox& frames);
  /// Nobody waits any more.
  void forget(WaitId wait, Outbox& frames);

  /// `knows`: both sides know these frames. `same_epoch`: the clocks go on; else all have ended.
  /// Appends to `ended` the waits that cannot be asked for.
  void link_opened(LinkId link, bool knows, bool same_epoch, Outbox& frames,
                   std::vector<WaitId>& ended);
  /// `clocks` are the last that came on it.
  void link_lost(ClocksView clocks) noexcept;

  /// The source says so. Returns whether that ends the wait, which is forgotten then.
  bool answered(const WaitAnswered& answer, Outbox& frames);

  std::size_t size() const noexcept { return waits_.size(); }

 private:
  struct Asked {
    StateIndex state = 0;
    Bytes args{};
    bool again = false;      ///< a match may have come between `tick` and now
    bool confirmed = false;  ///< the source has it
    std::uint64_t tick = 0;
  };
  void send(WaitId wait, const Asked& asked, Outbox& frames) const;

  std::map<WaitId, Asked> waits_;
  std::vector<WaitId> forgotten_;  ///< while there was no link
  std::optional<LinkId> link_{};   ///< open, and it knows waits
  bool deaf_ = false;              ///< open, and it does not
};

}  // namespace am::rpc::internal
