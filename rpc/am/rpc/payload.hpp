// Data of any size that a source sends to the consumer of a remote machine.
#pragma once

#include <am/api.hpp>
#include <am/args.hpp>
#include <am/executor.hpp>
#include <am/pending.hpp>
#include <am/states.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace am::states {

/// What a consumer of payloads needs: ServerPayload is added for each that has arrived, with an
/// argument `am::rpc::Payload`. A consumer that also has a state ServerDelivering is told of the
/// first bytes.
AM_STATES(Consumer, Exception, ServerPayload)
AM_STATES_SCHEMA(Consumer, {{Exception, {.multi = true}}, {ServerPayload, {.multi = true}}})

}  // namespace am::states

namespace am::rpc {

/// Where the bytes of a payload come from when they are not in memory: a file, for example.
/// Called on an I/O thread, one call at a time: it should not block for long, and must not throw.
class PayloadSource {
 public:
  virtual ~PayloadSource() = default;
  /// In bytes; must not change.
  virtual std::uint64_t size() const noexcept = 0;
  /// Fills `to`, at most 64 KiB, with the bytes from `offset` on. False when that is not possible:
  /// the payload is then given up. The same bytes may be asked for again after a lost connection.
  virtual bool read(std::uint64_t offset, std::span<std::byte> to) = 0;
};

/// Where the bytes of a payload go when they shall not be kept in memory. Called on an I/O thread,
/// in the order of the bytes: it should not block for long, and must not throw.
class PayloadSink {
 public:
  virtual ~PayloadSink() = default;
  /// Takes the next bytes. False when that is not possible: the payload is then refused.
  virtual bool write(std::span<const std::byte> bytes) = 0;
  /// All bytes have come, and are those that were sent.
  virtual void finish() {}
  /// No more bytes will come; what has come is incomplete.
  virtual void abort() {}
};

/// A payload, on both sides. To send one, give `data`, `args` or `source`.
struct Payload {
  std::string name{};
  /// What kind of bytes these are, for the receiver; "" = nothing said. At most 255 bytes, as
  /// `name`.
  std::string encoding{};
  std::vector<std::byte> data{};
  /// Instead of `data`: values of types registered with `AM_ARGS`. They arrive as further arguments
  /// of ServerPayload.
  Args args{};
  /// Instead of `data`, to be sent.
  std::shared_ptr<PayloadSource> source{};
  /// Received: where the bytes went, if not into `data`.
  std::shared_ptr<PayloadSink> sink{};
  /// Received: the id of the machine that it came from.
  std::string machine{};
  /// Received: number of bytes.
  std::uint64_t size = 0;
};

/// When a payload counts as delivered.
enum class PayloadAck : std::uint8_t {
  received,  ///< all of it is in the client's process, intact
  accepted,  ///< and its consumer has executed the mutation
};

struct PayloadOptions {
  /// Id of the client that shall get it; "" = the only one that is attached to the machine.
  std::string client{};
  PayloadAck ack = PayloadAck::accepted;
  /// How long everything may take, reconnects and the consumer included; 0 = as long as it goes on.
  std::chrono::milliseconds timeout{0};
  /// How long nothing at all may arrive while there is a link.
  std::chrono::milliseconds stall_timeout{30'000};
};

/// What became of a payload.
struct Delivery {
  enum class Kind : std::uint8_t {
    delivered,
    refused,    ///< by the client or its consumer; `text` says why
    timeout,    ///< it may have arrived
    link_lost,  ///< and the client did not come back in time: it may have arrived
    not_sent,   ///< no such client, or a limit; nothing was sent
    failed,     ///< its source could not be read
  };
  Kind kind = Kind::not_sent;
  std::string text{};  ///< for people; "" when delivered

  friend bool operator==(const Delivery& delivery, Kind wanted) noexcept {
    return delivery.kind == wanted;
  }
};

/// Returns the kind's name, for example "link_lost".
const char* to_string(Delivery::Kind kind) noexcept;

/// A payload that is about to come.
struct PayloadInfo {
  std::string name{};
  std::string encoding{};
  std::string machine{};
  std::uint64_t size = 0;
};

/// What `on_payload` says of a payload.
struct PayloadVerdict {
  enum class Kind : std::uint8_t { accept, refuse, not_now };
  Kind kind = Kind::accept;
  std::string text{};
  /// With `not_now`: when it shall be offered again; its bytes are not sent again.
  std::chrono::milliseconds retry_after{100};

  static PayloadVerdict accept() { return {}; }
  static PayloadVerdict refuse(std::string why) { return {Kind::refuse, std::move(why), {}}; }
  static PayloadVerdict not_now(std::chrono::milliseconds retry_after, std::string why = {}) {
    return {Kind::not_now, std::move(why), retry_after};
  }
};

/// How a remote machine takes payloads. Without `consumer` and `on_payload` they are refused.
struct ConsumerOptions {
  /// A local machine with a multi state ServerPayload (`am::states::Consumer`), which is added with
  /// each payload: executed means accepted, anything else refused.
  std::optional<Api> consumer{};
  /// Asked before the consumer, on `executor`.
  std::function<PayloadVerdict(const Payload&)> on_payload{};
  /// Gives a sink for a payload that shall not be kept in memory, or null for one that shall. On
  /// the I/O thread: it must not block or throw.
  std::function<std::shared_ptr<PayloadSink>(const PayloadInfo&)> open_sink{};
  /// Where `on_payload` and the consumer's handlers run; null = `completion_executor`.
  std::shared_ptr<Executor> executor{};
  /// Largest payload, into a sink or memory.
  std::uint64_t max_bytes = std::uint64_t{1} << 40U;
  /// What all payloads in memory may take together until they are accepted or refused; what comes
  /// on top of that has to wait, and what is larger is refused.
  std::size_t max_memory = std::size_t{64} << 20U;
  /// A payload of which nothing comes for this long is forgotten.
  std::chrono::milliseconds stall_timeout{60'000};
};

}  // namespace am::rpc
