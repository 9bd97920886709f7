#include <am/helpers/fan_out.hpp>

#include <am/error.hpp>
#include <am/helpers/internal/insist.hpp>
#include <am/helpers/internal/local.hpp>
#include <am/helpers/internal/slot.hpp>
#include <am/helpers/internal/worker_threads.hpp>
#include <am/internal/local_core.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <mutex>
#include <optional>
#include <vector>

namespace am {

namespace {

std::string task_state(std::string_view name, std::size_t index) {
  return fmt::format("{}{}", name, index);
}

std::string done_state(std::string_view name, std::size_t index) {
  return fmt::format("{}{}Done", name, index);
}

std::string all_done_state(std::string_view name) { return fmt::format("{}Done", name); }

}  // namespace

Schema fan_out_schema(Schema base, std::string_view name, std::size_t total) {
  if (total == 0) {
    throw Error(Errc::invalid_argument,
                fmt::format("fan-out \"{}\": needs at least one task", name));
  }
  auto entries = base.entries();
  if (base.find(name) == nullptr) entries.push_back({name, {}});
  am::State all_done{.automatic = true, .remove = {name}};
  for (std::size_t i = 0; i < total; ++i) {
    entries.push_back({task_state(name, i), {.require = {name}}});
    entries.push_back({done_state(name, i), {.remove = {task_state(name, i)}}});
    all_done.require.emplace_back(done_state(name, i));
  }
  entries.push_back({all_done_state(name), std::move(all_done)});
  return Schema(std::move(entries));
}

class FanOut::State : public std::enable_shared_from_this<State> {
 public:
  State(Machine& machine, std::string_view name, FanOutOptions options, Runner run);

  void bind(Machine& machine);
  void close();
  FanOutProgress progress() const;
  Pending<Result> reset();
  /// Starts what there is room for.
  void fill(Api machine);

 private:
  enum class Phase : std::uint8_t { idle, starting, running, ending, failed };
  struct Task {
    StateIndex state = 0;
    StateIndex done = 0;
    Phase phase = Phase::idle;
    std::uint64_t round = 0;  ///< the tick of `name` when it began
    std::stop_source stop{std::nostopstate};
    /// Stops it with the activation of its state. Destroyed without the lock: it may be running.
    std::optional<std::stop_callback<std::function<void()>>> link{};
    std::shared_ptr<ThreadExecutor> thread{};
  };
  using Then = void (State::*)(const Api& machine, std::size_t index);

  HandlerFunction handler(Then then, std::size_t index);
  std::optional<Api> machine() const;
  void name_came(const Api& machine, std::size_t);
  void task_came(const Api& machine, std::size_t index);
  void task_done(const Api& machine, std::size_t);
  void refused(std::size_t index);
  void ended(std::size_t index, const std::stop_token& stop, std::exception_ptr failure);
  void fail(Api machine, std::size_t index, ErrorInfo error);
  void failed(const Api& machine, std::size_t index);
  void idle(std::size_t index);
  std::vector<std::size_t> choose(const Api& machine);
  std::shared_ptr<Executor> place(Task& task);

  const std::weak_ptr<detail::Core> core_;
  const std::string name_;
  const FanOutOptions options_;
  const Runner run_;
  StateIndex name_state_ = 0;
  BindingId binding_{};

  mutable std::mutex mutex_;
  bool closed_ = false;
  std::deque<Task> tasks_;  // which do not move
  internal::WorkerThreads threads_;
};

FanOut::State::State(Machine& machine, std::string_view name, FanOutOptions options, Runner run)
    : core_(machine.core()), name_(name), options_(std::move(options)), run_(std::move(run)) {
  const auto& schema = machine.schema();
  name_state_ = schema.id(name_).index();
  schema.id(all_done_state(name_));  // throws when it is not there
  for (std::size_t i = 0; i == 0 || schema.find(task_state(name_, i)); ++i) {
    auto& task = tasks_.emplace_back();
    task.state = schema.id(task_state(name_, i)).index();
    task.done = schema.id(done_state(name_, i)).index();
  }
  if (options_.concurrency == 0) {
    throw Error(Errc::invalid_argument,
                fmt::format("fan-out \"{}\": a concurrency of 0 never starts a task", name_));
  }
}

HandlerFunction FanOut::State::handler(Then then, std::size_t index) {
  return detail::make_handler([weak = weak_from_this(), then, index](Event& event) {
    if (const auto self = weak.lock()) ((*self).*then)(event.machine(), index);
  });
}

void FanOut::State::bind(Machine& machine) {
  std::vector<NamedHandler> handlers;
  handlers.push_back({name_ + "State", handler(&State::name_came, 0)});
  for (std::size_t i = 0; i < tasks_.size(); ++i) {
    handlers.push_back({task_state(name_, i) + "State", handler(&State::task_came, i)});
    handlers.push_back({done_state(name_, i) + "State", handler(&State::task_done, i)});
  }
  binding_ = machine.bind(std::move(handlers));
  fill(machine);
}

std::optional<Api> FanOut::State::machine() const {
  auto core = core_.lock();
  return core == nullptr ? std::nullopt : std::optional<Api>(std::in_place, std::move(core));
}

// -- what the machine tells; one at a time ----------------------------------------

void FanOut::State::name_came(const Api& machine, std::size_t) {
  {
    const std::lock_guard lock(mutex_);
    for (auto& task : tasks_) {
      if (task.phase == Phase::failed) task.phase = Phase::idle;
    }
  }
  fill(machine);
}

void FanOut::State::task_came(const Api& machine, std::size_t index) {
  std::shared_ptr<Executor> executor;
  std::exception_ptr no_place;
  FanOutTask given{.index = index, .machine = machine};
  {
    const std::lock_guard lock(mutex_);
    auto& task = tasks_[index];
    // One that still ends a previous activation is started again when it has.
    if (closed_ || task.phase == Phase::running || task.phase == Phase::ending) return;
    task.round = machine.core()->board().tick(name_state_);
    try {
      executor = place(task);
    } catch (...) {  // no more threads
      no_place = std::current_exception();
    }
    task.phase = no_place == nullptr ? Phase::running : Phase::ending;
    if (no_place == nullptr) {
      task.stop = std::stop_source{};
      given.stop = task.stop.get_token();
      // Ends with the activation and with the machine; it may have ended already.
      task.link.emplace(machine.core()->context(task.state),
                        [stop = task.stop]() mutable { stop.request_stop(); });
    }
  }
  if (no_place != nullptr) {
    return fail(machine, index, error_info(no_place, task_state(name_, index)));
  }
  const auto slot = std::make_shared<internal::Slot>(
      [weak = weak_from_this(), index, stop = given.stop](std::exception_ptr failure) {
        if (const auto self = weak.lock()) self->ended(index, stop, std::move(failure));
      },
      std::make_exception_ptr(
          Error(Errc::disposed, "a task was abandoned: its executor has been stopped")));
  try {
    run_(executor, given, [slot](std::exception_ptr failure) { slot->end(std::move(failure)); });
  } catch (...) {
    slot->end(std::current_exception());
  }
}

void FanOut::State::task_done(const Api& machine, std::size_t) { fill(machine); }

// -- what tasks tell; from any thread ----------------------------------------------

void FanOut::State::ended(std::size_t index, const std::stop_token& stop,
                          std::exception_ptr failure) {
  auto machine = this->machine();
  bool stopped = false;
  StateIndex done = 0;
  StateIndex started = 0;
  tasks_[index].link.reset();  // nobody else touches it before the phase changes
  {
    const std::lock_guard lock(mutex_);
    auto& task = tasks_[index];
    started = task.state;
    if (task.thread != nullptr) threads_.give_back(std::exchange(task.thread, nullptr));
    // A stop that comes from now on is too late: the task has run to its end.
    stopped = stop.stop_requested();
    task.phase = stopped ? Phase::idle : Phase::ending;
    done = task.done;
  }
  if (!machine) return;
  if (stopped) {
    // Its state may be there again already.
    if (machine->core()->board().is(started)) task_came(*machine, index);
    return fill(std::move(*machine));
  }
  if (failure != nullptr) {
    return fail(std::move(*machine), index, error_info(failure, task_state(name_, index)));
  }
  internal::insist(
      *machine, [done](Api& m) { return m.add_async(m.schema().id(done)); },
      [weak = weak_from_this(), index](Result result) {
        const auto self = weak.lock();
        const auto api = self != nullptr ? self->machine() : std::nullopt;
        if (!api) return;
        if (result == Result::executed) {
          self->idle(index);
          self->fill(*api);
        } else if (result.reason() != Reason::disposed) {
          self->fail(
              *api, index,
              {.message = fmt::format("\"{}\" was refused: {}", done_state(self->name_, index),
                                      to_string(result.reason())),
               .where = task_state(self->name_, index)});
        }
      });
}

void FanOut::State::fail(Api machine, std::size_t index, ErrorInfo error) {
  const auto state = tasks_[index].state;
  // Asynchronous: what `validate` throws must not get out of the task's thread.
  machine.add_async(machine.schema().id(exception_state), Args(std::move(error)));
  internal::insist(
      machine, [state](Api& m) { return m.remove_async(m.schema().id(state)); },
      [weak = weak_from_this(), index](Result) {
        const auto self = weak.lock();
        const auto api = self != nullptr ? self->machine() : std::nullopt;
        if (!api) return;
        self->failed(*api, index);
        self->fill(*api);
      });
}

void FanOut::State::failed(const Api& machine, std::size_t index) {
  const std::lock_guard lock(mutex_);
  auto& task = tasks_[index];
  // When `name` has come anew since it began, it gets its new chance.
  const bool same_round = machine.core()->board().tick(name_state_) == task.round;
  task.phase = same_round ? Phase::failed : Phase::idle;
}

void FanOut::State::idle(std::size_t index) {
  const std::lock_guard lock(mutex_);
  tasks_[index].phase = Phase::idle;
}

// -- starting ----------------------------------------------------------------------

std::vector<std::size_t> FanOut::State::choose(const Api& machine) {
  const std::lock_guard lock(mutex_);
  const auto& board = machine.core()->board();
  if (closed_ || !board.is(name_state_)) return {};
  std::vector<std::size_t> waiting;
  std::size_t busy = 0;
  for (std::size_t i = 0; i < tasks_.size(); ++i) {
    if (tasks_[i].phase == Phase::failed || board.is(tasks_[i].done)) continue;
    if (tasks_[i].phase == Phase::idle) {
      waiting.push_back(i);
    } else {
      ++busy;
    }
  }
  std::vector<std::size_t> chosen;
  for (; busy < options_.concurrency && !waiting.empty(); ++busy) {
    auto place = waiting.begin();
    if (options_.choose) {
      try {
        const auto found = std::ranges::find(waiting, options_.choose(waiting));
        if (found != waiting.end()) place = found;
      } catch (...) {  // then it is the lowest
      }
    }
    tasks_[*place].phase = Phase::starting;
    chosen.push_back(*place);
    waiting.erase(place);
  }
  return chosen;
}

void FanOut::State::fill(Api machine) {
  for (const auto index : choose(machine)) {
    internal::insist(
        machine,
        [state = tasks_[index].state](Api& m) { return m.add_async(m.schema().id(state)); },
        [weak = weak_from_this(), index](Result) {
          if (const auto self = weak.lock()) self->refused(index);
        });
  }
}

/// Its state was to come: when that was kept out, it is tried again as soon as anything ends.
void FanOut::State::refused(std::size_t index) {
  const std::lock_guard lock(mutex_);
  if (tasks_[index].phase == Phase::starting) tasks_[index].phase = Phase::idle;
}

/// With the lock held.
std::shared_ptr<Executor> FanOut::State::place(Task& task) {
  if (options_.executor != nullptr) return options_.executor;
  task.thread = threads_.take();
  return task.thread;
}

// -- for the handle ------------------------------------------------------------------

void FanOut::State::close() {
  std::vector<std::stop_source> stops;
  std::vector<std::shared_ptr<ThreadExecutor>> threads;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(closed_, true)) return;
    for (auto& task : tasks_) {
      if (task.phase == Phase::running) stops.push_back(task.stop);
    }
    threads = threads_.all();
  }
  if (const auto local = internal::local_core(core_.lock())) local->detach(binding_);
  for (auto& stop : stops) stop.request_stop();
  for (const auto& thread : threads) thread->stop();
}

FanOutProgress FanOut::State::progress() const {
  const auto machine = this->machine();
  const std::lock_guard lock(mutex_);
  FanOutProgress progress{.total = tasks_.size()};
  for (const auto& task : tasks_) {
    if (task.phase == Phase::failed) ++progress.failed;
    if (task.phase == Phase::running) ++progress.running;
    if (machine && machine->core()->board().is(task.done)) ++progress.done;
  }
  return progress;
}

Pending<Result> FanOut::State::reset() {
  auto machine = this->machine();
  if (!machine) {
    auto gone = std::make_shared<detail::PendingState<Result>>(nullptr);
    gone->end({Result::canceled, Reason::disposed});
    return Pending<Result>(std::move(gone));
  }
  std::vector<StateIndex> states{machine->schema().id(all_done_state(name_)).index()};
  for (const auto& task : tasks_) states.push_back(task.done);
  return machine->remove_async(StateList(states));
}

// -- the handle ------------------------------------------------------------------------

FanOut::FanOut(Machine& machine, std::string_view name, FanOutOptions options, Runner run, Erased)
    : state_(std::make_shared<State>(machine, name, std::move(options), std::move(run))) {
  state_->bind(machine);
}

FanOut& FanOut::operator=(FanOut&& other) noexcept {
  if (state_ != nullptr && state_ != other.state_) state_->close();
  state_ = std::move(other.state_);
  return *this;
}

FanOut::~FanOut() {
  if (state_ != nullptr) state_->close();
}

void FanOut::close() { state_->close(); }
FanOutProgress FanOut::progress() const { return state_->progress(); }
Pending<Result> FanOut::reset() { return state_->reset(); }

}  // namespace am
