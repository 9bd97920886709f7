#include <am/rpc/internal/source.hpp>

#include <am/error.hpp>
#include <am/internal/local_core.hpp>
#include <am/rpc/arg_types.hpp>
#include <am/rpc/internal/random.hpp>
#include <am/rpc/internal/remote_core.hpp>
#include <am/rpc/internal/schema_codec.hpp>
#include <am/tracer.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace am::rpc::internal {

class Source::Tracer final : public am::internal::EndTracer {
 public:
  Tracer(std::shared_ptr<News> news, std::function<void()> changed)
      : news_(std::move(news)), changed_(std::move(changed)) {}

  void ended(std::span<const TickChange> changes, QueueTick queue_tick) override {
    if (news_->log.wanted() && !news_->log.begun() && news_->log.tear()) changed_();
    if (!changes.empty()) {
      report(ticks);
    } else if (queue_tick != QueueTick{}) {
      report(queue_only);
    }
  }

  void restored(std::span<const TickChange> changes) override {
    if (news_->log.wanted() && news_->log.tear()) changed_();
    report(changes.empty() ? queue_only : ticks);
  }

  void schema_changed(const CompiledSchema&, const CompiledSchema&) override { report(ticks); }

  void error_added(const ErrorInfo&) override {
    news_->errors.fetch_add(1, std::memory_order_acq_rel);
  }

  void disposed() override {
    news_->gone.store(true, std::memory_order_release);
    changed_();
  }

 private:
  void report(std::uint8_t level) {
    // Sequentially consistent with `settle`: either the server reads the new clocks after it, or
    // this thread sees the flag down and raises it.
    auto told = news_->level.load(std::memory_order_seq_cst);
    while (told < level) {
      if (news_->level.compare_exchange_weak(told, level, std::memory_order_seq_cst)) {
        changed_();
        return;
      }
    }
  }

  std::shared_ptr<News> news_;
  std::function<void()> changed_;
};

/// Attached while somebody wants the log: a machine takes more care of a transition for it.
class Source::LogTracer final : public am::Tracer {
 public:
  LogTracer(std::shared_ptr<News> news, std::function<void()> changed)
      : news_(std::move(news)), changed_(std::move(changed)) {}

  void transition_init(const Transition&) override { news_->log.begin(); }
  void transition_end(const Transition& transition) override {
    if (news_->log.wanted() && news_->log.add(transition)) changed_();
  }

 private:
  std::shared_ptr<News> news_;
  std::function<void()> changed_;
};

namespace {

detail::Operation operation(Op op) {
  switch (op) {
    case Op::add: return detail::Operation::add;
    case Op::remove: return detail::Operation::remove;
    case Op::set: return detail::Operation::set;
    case Op::toggle: return detail::Operation::toggle;
    case Op::can_add: return detail::Operation::can_add;
    case Op::can_remove: return detail::Operation::can_remove;
  }
  return detail::Operation::can_add;
}

}  // namespace

Source::Source(const Api& machine, std::function<void()> changed)
    : machine_(machine),
      local_(dynamic_cast<detail::LocalCore*>(machine.core().get())),
      remote_(dynamic_cast<RemoteCore*>(machine.core().get())),
      epoch_(random_number()),
      news_(std::make_shared<News>()) {
  if (machine.disposed()) {
    throw Error(Errc::disposed, fmt::format("machine \"{}\" is gone", machine.id()));
  }
  if (local_ == nullptr && remote_ == nullptr) {
    throw Error(Errc::invalid_argument,
                fmt::format("machine \"{}\" is neither local nor remote", machine.id()));
  }
  renew();
  changed_ = std::move(changed);
  tracer_id_ = attach(std::make_shared<Tracer>(news_, changed_));
  if (machine_.last_error()) news_->errors.fetch_add(1, std::memory_order_acq_rel);
  // It may have gone between the two.
  if (machine_.disposed()) news_->gone.store(true, std::memory_order_release);
}

void Source::renew() {
  announced_ = &machine_.schema();
  announced_epoch_ = origin_epoch();
  if (remote_ != nullptr) epoch_ = announced_epoch_;
  exception_ = announced_->find(exception_state).value_or(0);
  schema_.clear();
  Writer writer(schema_);
  encode_schema(announced_->schema(), writer);
}

std::uint64_t Source::origin_epoch() const noexcept {
  return remote_ == nullptr ? 0 : remote_->epoch();
}

Source::~Source() {
  keep_log(false);
  detach(tracer_id_);
}

std::uint32_t Source::attach(std::shared_ptr<am::Tracer> tracer) {
  return (local_ != nullptr ? local_->trace(std::move(tracer))
                            : remote_->watchers().trace(std::move(tracer)))
      .value;
}

void Source::detach(std::uint32_t tracer) {
  if (local_ != nullptr) {
    local_->detach(TracerId{tracer});
  } else {
    remote_->watchers().detach(TracerId{tracer});
  }
}

void Source::keep_log(bool wanted) {
  if (wanted == log_tracer_id_.has_value()) return;
  news_->log.want(wanted);
  if (wanted) {
    log_tracer_id_ = attach(std::make_shared<LogTracer>(news_, changed_));
  } else {
    detach(*std::exchange(log_tracer_id_, std::nullopt));
  }
}

std::optional<SourceChange> Source::change() const noexcept {
  switch (news_->level.load(std::memory_order_seq_cst)) {
    case ticks: return SourceChange::ticks;
    case queue_only: return SourceChange::queue_only;
    default: return std::nullopt;
  }
}

ClocksView Source::clocks() {
  machine_.core()->board().snapshot(clocks_.ticks, &clocks_.queue_tick, &clocks_.machine_tick);
  return clocks_;
}

Result Source::submit(Op op, std::span<const StateIndex> called, ByteView args,
                      std::shared_ptr<am::internal::Completion> completion, std::string& error) {
  if (local_ != nullptr) return run(op, called, args, std::move(completion), error);
  remote_->forward(op, called, args,
                   [completion = std::move(completion)](Result result, const std::string&) {
                     completion->ended_with(result);
                     completion->one_ended();
                   });
  return {Result::queued, Reason::none};
}

Result Source::run(Op op, std::span<const StateIndex> called, ByteView args,
                   std::shared_ptr<am::internal::Completion> completion, std::string& error) {
  // How large they may be was checked on their way.
  auto decoded =
      ArgTypes::global().decode(args, {.bytes = std::max(ArgLimits{}.bytes, args.size())});
  if (!decoded.ok()) {
    error = std::move(decoded.error);
    return {Result::not_sent, Reason::denied};
  }
  const auto result =
      local_->submit(operation(op), called, std::move(decoded.args), std::move(completion));
  if (result.reason() == Reason::queue_full || result.reason() == Reason::disposed) {
    return {Result::not_sent, result.reason()};
  }
  return result;
}

}  // namespace am::rpc::internal
