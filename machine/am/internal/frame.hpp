// What one drain works with, kept by its thread for the next one.
#pragma once

#include <am/detail/thread_scratch.hpp>
#include <am/internal/mutation_queue.hpp>
#include <am/internal/resolver.hpp>
#include <am/transition.hpp>

#include <cstddef>
#include <memory>
#include <vector>

namespace am::internal {

/// Scratch memory of one drain. Each thread keeps a stack of them, as handlers may mutate other
/// machines, so idle machines carry none and transitions allocate nothing once warm.
struct Frame {
  Mutation mutation;
  MutationQueue::Batch batch;
  Resolver resolver;
  Transition transition;
  std::vector<StateIndex> targets;
  std::vector<StateIndex> called;  ///< of automatic transitions, shrinks with refusals
  std::vector<StateIndex> changed;
  bool automatic = true;         ///< whether automatic states may follow
  bool elsewhere = false;        ///< another thread is to drain, if the mutation finds nobody else
  std::vector<StateIndex> due;   ///< automatic states to add next
  std::vector<StateIndex> walk;  ///< a list being walked while its source may shrink
  std::vector<Word> before_bits;
  std::vector<Word> called_bits;
};

/// The frames of one thread, the first `used` of them taken.
struct FrameStack {
  std::vector<std::unique_ptr<Frame>> frames;
  std::size_t used = 0;

  Frame& take() {
    if (used == frames.size()) [[unlikely]] {
      frames.push_back(std::make_unique<Frame>());
    }
    return *frames[used++];
  }
};

/// Takes a frame of the calling thread for its own lifetime.
class FrameLease {
 public:
  FrameLease() : stack_(detail::thread_scratch<FrameStack, Frame>()), frame_(stack_.take()) {}
  ~FrameLease() {
    // What a mutation refers to must not live on in the scratch memory of a thread.
    auto& mutation = frame_.mutation;
    if (!mutation.args.empty()) mutation.args = {};
    if (mutation.completion != nullptr) mutation.completion.reset();
    if (mutation.source.machine != nullptr) mutation.source = {};
    --stack_.used;
  }
  FrameLease(const FrameLease&) = delete;
  FrameLease& operator=(const FrameLease&) = delete;
  Frame& operator*() const noexcept { return frame_; }

 private:
  FrameStack& stack_;
  Frame& frame_;
};

}  // namespace am::internal
