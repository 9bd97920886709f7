#include <am/rpc/internal/consumer.hpp>

#include <am/detail/core.hpp>
#include <am/error.hpp>
#include <am/internal/completion.hpp>
#include <am/internal/local_core.hpp>
#include <am/rpc/arg_types.hpp>
#include <am/rpc/internal/server_payloads.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <utility>
#include <vector>

namespace am::rpc::internal {

namespace {

constexpr std::string_view payload_state = "ServerPayload";
constexpr std::string_view delivering_state = "ServerDelivering";

bool has_state(const Api& machine, std::string_view name) {
  return machine.schema().schema().find(name) != nullptr;
}

std::vector<StateIndex> index_of(const Api& machine, std::string_view name) {
  std::vector<StateIndex> called;
  machine.core()->board().indexes_of({name}, called);
  return called;
}

std::shared_ptr<Executor> executor_of(const ConsumerOptions& options) {
  return options.executor != nullptr ? options.executor : completion_executor();
}

Decision decision(Result result) {
  if (result == Result::executed) return {};
  if (result.reason() == Reason::queue_full) {
    return {TransferCode::not_now, "the consumer's queue is full", std::chrono::milliseconds{100},
            0};
  }
  return {TransferCode::rejected,
          fmt::format("the consumer's mutation came to {}, {}", to_string(result.kind()),
                      to_string(result.reason())),
          {},
          0};
}

class Decided final : public am::internal::Completion {
 public:
  explicit Decided(std::function<void(Decision)> decided) : decided_(std::move(decided)) {}

 protected:
  void done(Result result) override { decided_(decision(result)); }

 private:
  std::function<void(Decision)> decided_;
};

/// The mutation's arguments: the payload, and the values that it carries.
Args arguments(const std::shared_ptr<const Payload>& payload) {
  return payload->args.with(Args::Typed{typeid(Payload), payload});
}

PayloadVerdict ask(const ConsumerOptions& options, const Payload& payload) {
  try {
    return options.on_payload(payload);
  } catch (const std::exception& error) {
    return PayloadVerdict::refuse(error.what());
  }
}

void consume_now(const ConsumerOptions& options, const std::shared_ptr<const Payload>& payload,
                 std::function<void(Decision)> decided) {
  if (options.on_payload) {
    auto verdict = ask(options, *payload);
    if (verdict.kind == PayloadVerdict::Kind::refuse) {
      return decided({TransferCode::rejected, std::move(verdict.text), {}, 0});
    }
    if (verdict.kind == PayloadVerdict::Kind::not_now) {
      return decided({TransferCode::not_now, std::move(verdict.text), verdict.retry_after, 0});
    }
  }
  if (!options.consumer) return decided({});
  auto& core = static_cast<detail::LocalCore&>(*options.consumer->core());
  const auto result =
      core.submit(detail::Operation::add, index_of(*options.consumer, payload_state),
                  arguments(payload), std::make_shared<Decided>(decided));
  // What never got into the queue completes nothing.
  if (result.reason() == Reason::queue_full || result.reason() == Reason::disposed) {
    decided(decision(result));
  }
}

}  // namespace

void check_consumer(const ConsumerOptions& options) {
  if (!options.consumer) return;
  const auto& machine = *options.consumer;
  if (dynamic_cast<detail::LocalCore*>(machine.core().get()) == nullptr) {
    throw Error(
        Errc::invalid_argument,
        fmt::format("the consumer \"{}\" is remote: payloads need a local machine", machine.id()));
  }
  if (!has_state(machine, payload_state)) {
    throw Error(Errc::invalid_argument,
                fmt::format("the consumer \"{}\" has no state \"{}\": extend am::states::Consumer",
                            machine.id(), payload_state));
  }
  if (!machine.schema().schema().find(payload_state)->multi) {
    throw Error(Errc::invalid_argument,
                fmt::format("state \"{}\" of the consumer \"{}\" has to be multi: payloads may "
                            "come one after the other",
                            payload_state, machine.id()));
  }
}

void consume(std::shared_ptr<const ConsumerOptions> options, std::shared_ptr<const Payload> payload,
             std::function<void(Decision)> decided) {
  executor_of(*options)->post(
      [options, payload = std::move(payload), decided = std::move(decided)] {
        consume_now(*options, payload, decided);
      });
}

void announce(const std::shared_ptr<const ConsumerOptions>& options, PayloadInfo info) {
  if (!options->consumer || !has_state(*options->consumer, delivering_state)) return;
  executor_of(*options)->post([options, info = std::move(info)] {
    auto& core = static_cast<detail::LocalCore&>(*options->consumer->core());
    core.submit(detail::Operation::add, index_of(*options->consumer, delivering_state), Args{info},
                std::make_shared<Decided>([](const Decision&) {}));
  });
}

}  // namespace am::rpc::internal
