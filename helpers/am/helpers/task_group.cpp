#include <am/helpers/task_group.hpp>

#include <am/error.hpp>
#include <am/helpers/internal/slot.hpp>
#include <am/helpers/internal/worker_threads.hpp>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

namespace am {

namespace {

/// Of which group this thread runs a task.
thread_local const void* current_group = nullptr;

/// Runs functions as tasks of a group.
class InGroup final : public Executor {
 public:
  InGroup(std::shared_ptr<Executor> executor, const void* group)
      : executor_(std::move(executor)), group_(group) {}

  void post(std::function<void()> fn) override {
    executor_->post([fn = std::move(fn), group = group_] {
      const auto* const outer = std::exchange(current_group, group);
      fn();
      current_group = outer;
    });
  }

 private:
  const std::shared_ptr<Executor> executor_;
  const void* const group_;  ///< to be compared only
};

}  // namespace

class TaskGroup::State : public std::enable_shared_from_this<State> {
 public:
  explicit State(TaskGroupOptions options) : options_(std::move(options)) {
    if (options_.limit == 0) {
      throw Error(Errc::invalid_argument, "a task group with a limit of 0 never runs anything");
    }
  }

  bool add(Job job, bool may_wait) {
    {
      const std::lock_guard lock(mutex_);
      const bool room = running_ < options_.limit;
      if (closed_ || (!room && (!may_wait || waiting_.size() >= options_.waiting_limit))) {
        return false;
      }
      waiting_.push_back(std::move(job));
    }
    fill();
    return true;
  }

  void close() {
    std::deque<Job> dropped;
    std::vector<std::shared_ptr<ThreadExecutor>> threads;
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
      dropped.swap(waiting_);
      threads = threads_.all();
    }
    changed_.notify_all();
    for (const auto& thread : threads) thread->stop();
  }

  Ended wait(const Limits& limits) {
    if (current_group == this) {
      throw Error(Errc::would_deadlock, "a task of a group cannot wait for the group to be idle");
    }
    const auto deadline = limits.deadline();
    std::unique_lock lock(mutex_);
    const auto idle = [this] { return running_ == 0 && waiting_.empty(); };
    const bool done = deadline == detail::never
                          ? changed_.wait(lock, limits.stop, idle)
                          : changed_.wait_until(lock, limits.stop, deadline, idle);
    if (done) return Ended::fired;
    return limits.stop.stop_requested() ? Ended::stopped : Ended::timeout;
  }

  std::size_t running() const {
    const std::lock_guard lock(mutex_);
    return running_;
  }
  std::size_t waiting() const {
    const std::lock_guard lock(mutex_);
    return waiting_.size();
  }

 private:
  void fill() {
    while (true) {
      Job job;
      std::shared_ptr<ThreadExecutor> thread;
      {
        const std::lock_guard lock(mutex_);
        if (waiting_.empty() || running_ >= options_.limit) return;
        try {
          if (options_.executor == nullptr) thread = threads_.take();
        } catch (...) {
          if (running_ != 0) return;  // it gets the thread of one that ends
          job = std::move(waiting_.front());
          waiting_.pop_front();
          throw;
        }
        job = std::move(waiting_.front());
        waiting_.pop_front();
        ++running_;
      }
      const auto executor = std::make_shared<InGroup>(
          thread != nullptr ? std::shared_ptr<Executor>(thread) : options_.executor, this);
      job(executor, [slot = std::make_shared<internal::Slot>(
                         [weak = weak_from_this(), thread](std::exception_ptr failure) {
                           if (const auto self = weak.lock()) self->ended(thread, failure);
                         })](std::exception_ptr failure) { slot->end(failure); });
    }
  }

  void ended(const std::shared_ptr<ThreadExecutor>& thread, std::exception_ptr failure) {
    if (failure != nullptr && options_.on_error) options_.on_error(failure);
    {
      const std::lock_guard lock(mutex_);
      --running_;
      if (thread != nullptr) threads_.give_back(thread);
    }
    changed_.notify_all();
    fill();
  }

  const TaskGroupOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  bool closed_ = false;
  std::size_t running_ = 0;
  std::deque<Job> waiting_;
  internal::WorkerThreads threads_;
};

TaskGroup::TaskGroup(TaskGroupOptions options)
    : state_(std::make_shared<State>(std::move(options))) {}
TaskGroup::~TaskGroup() { close(); }
bool TaskGroup::add(Job job, bool may_wait) { return state_->add(std::move(job), may_wait); }
std::size_t TaskGroup::running() const { return state_->running(); }
std::size_t TaskGroup::waiting() const { return state_->waiting(); }
Ended TaskGroup::wait(Limits limits) const { return state_->wait(limits); }
void TaskGroup::close() { state_->close(); }

}  // namespace am
