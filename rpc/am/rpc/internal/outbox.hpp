// Frames that wait to be sent.
#pragma once

#include <am/rpc/internal/bytes.hpp>

#include <cstddef>
#include <vector>

namespace am::rpc::internal {

/// An ordered list of frames whose buffers are used again after `clear`. One outbox may serve all
/// links of a connection. Not thread-safe; allocates only while its buffers still grow.
class Outbox {
 public:
  /// Adds an empty frame and returns its buffer, valid until the next `add`.
  Bytes& add() {
    if (size_ == frames_.size()) frames_.emplace_back();
    Bytes& frame = frames_[size_++];
    frame.clear();
    return frame;
  }
  /// Takes back the frame that was added last.
  void drop_last() noexcept { --size_; }

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  /// The frame at `index`, in the order of sending. Valid until the next `add` or `clear`.
  ByteView operator[](std::size_t index) const noexcept { return frames_[index]; }
  /// Forgets all frames; keeps their memory.
  void clear() noexcept { size_ = 0; }

 private:
  std::vector<Bytes> frames_;
  std::size_t size_ = 0;
};

}  // namespace am::rpc::internal
