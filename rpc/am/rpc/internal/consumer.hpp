// Brings payloads to the consumer of a remote machine.
#pragma once

#include <am/rpc/internal/transfer_messages.hpp>
#include <am/rpc/payload.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace am::rpc::internal {

/// What became of a payload: `none` = accepted.
struct Decision {
  TransferCode code = TransferCode::none;
  std::string text{};
  std::chrono::milliseconds retry_after{0};
  std::uint64_t session = 0;  ///< in which the payload came
};

/// Throws `Error` (invalid_argument) for a consumer that is not local or lacks a state.
void check_consumer(const ConsumerOptions& options);

/// Has `payload` given to the callback and the consumer of `options`, on their executor. `decided`
/// is called once, on any thread, also while the consumer runs a transition: it must not block.
/// Any thread.
void consume(std::shared_ptr<const ConsumerOptions> options, std::shared_ptr<const Payload> payload,
             std::function<void(Decision)> decided);

/// Tells the consumer that a payload is coming, if it has a state ServerDelivering. Any thread.
void announce(const std::shared_ptr<const ConsumerOptions>& options, PayloadInfo info);

}  // namespace am::rpc::internal
