// The mutex that guards a machine's clocks and waits, biased towards the one that writes them.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>

namespace am::detail {

/// A mutex between one writer, which enters with every transition, and everybody else, who comes
/// rarely. While nobody else is near, the writer enters with one exchange and leaves with one
/// store, half of what a mutex costs. It is held for a few memory accesses, never while user code
/// runs, so that waiting for the writer is done by yielding.
///
/// Either the writer sees the others announced or they see that it is inside: both announce
/// themselves before they look, in the one order of sequentially consistent operations.
class CommitMutex {
 public:
  // -- for everybody else: use with std::lock_guard ------------------------------

  void lock() {
    others_.fetch_add(1, std::memory_order_seq_cst);
    mutex_.lock();
    while (writing_.load(std::memory_order_seq_cst)) std::this_thread::yield();
  }
  void unlock() {
    mutex_.unlock();
    others_.fetch_sub(1, std::memory_order_release);
  }

  /// Held by the writer. Its callers see to it that there is one at a time.
  class Writer {
   public:
    explicit Writer(CommitMutex& mutex) : mutex_(mutex) {
      mutex_.writing_.exchange(true, std::memory_order_seq_cst);
      if (mutex_.others_.load(std::memory_order_seq_cst) == 0) return;
      mutex_.writing_.store(false, std::memory_order_release);
      mutex_.mutex_.lock();
      queued_ = true;
    }
    ~Writer() {
      if (queued_) {
        mutex_.mutex_.unlock();
      } else {
        mutex_.writing_.store(false, std::memory_order_release);
      }
    }
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

   private:
    CommitMutex& mutex_;
    bool queued_ = false;  ///< has the mutex itself, as others are near
  };

 private:
  std::mutex mutex_;
  std::atomic<std::uint32_t> others_{0};  ///< who have the mutex or wait for it
  std::atomic<bool> writing_{false};
};

}  // namespace am::detail
