#include <am/wait.hpp>

#include <am/error.hpp>
#include <am/internal/waits.hpp>
#include <am/pending.hpp>

#include <mutex>
#include <utility>

namespace am {

namespace {

/// Its continuations do not keep it: when nobody is interested any more, they go with it.
class Race final : public detail::PendingState<std::size_t> {
 public:
  using PendingState::PendingState;
  ~Race() { cancel_all(); }

  void enter(Continuation continuation) {
    {
      const std::lock_guard lock(mutex_);
      if (!decided_) return runners_.push_back(std::move(continuation));
    }
    continuation.cancel();
  }
  void win(std::size_t place) {
    cancel_all();
    end(place);
  }

 private:
  void cancel_all() {
    std::vector<Continuation> others;
    {
      const std::lock_guard lock(mutex_);
      decided_ = true;
      others.swap(runners_);
    }
    for (const auto& other : others) other.cancel();
  }

  std::mutex mutex_;
  bool decided_ = false;
  std::vector<Continuation> runners_;
};

}  // namespace

Pending<std::size_t> when_any(std::vector<Wait> waits) {
  if (waits.empty()) throw Error(Errc::invalid_argument, "when_any: needs at least one wait");
  const auto* first = waits.front().state_;
  auto race = std::make_shared<Race>(first == nullptr ? nullptr : first->core);
  for (std::size_t i = 0; i < waits.size(); ++i) {
    if (!waits[i].done()) continue;
    race->win(i);
    return Pending<std::size_t>(std::move(race));
  }
  for (std::size_t i = 0; i < waits.size(); ++i) {
    race->enter(waits[i].then([weak = std::weak_ptr(race), i] {
      if (const auto running = weak.lock()) running->win(i);
    }));
  }
  return Pending<std::size_t>(std::move(race));
}

}  // namespace am
