// A source sends a generated file to the consumer of a remote machine: in pieces that nothing else
// waits behind, from a place that is not memory to one that is not memory either. Here both ends
// are in one process, but they share nothing except an endpoint.
#include <am/machine.hpp>
#include <am/rpc/client.hpp>
#include <am/rpc/server.hpp>

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

AM_STATES_EXTENDING(Reader, (am::states::Consumer), ServerDelivering)
AM_STATES_SCHEMA(Reader, {{ServerDelivering, {.multi = true}}})

/// A log file that nobody has written: every byte is computed when it is asked for.
class Generated final : public am::rpc::PayloadSource {
 public:
  std::uint64_t size() const noexcept override { return 10'000'000; }
  bool read(std::uint64_t offset, std::span<std::byte> to) override {
    constexpr std::string_view line = "the door was opened, and closed\n";
    for (std::size_t i = 0; i < to.size(); ++i) {
      to[i] = static_cast<std::byte>(line[(offset + i) % line.size()]);
    }
    return true;
  }
};

/// Counts lines and forgets them.
class Lines final : public am::rpc::PayloadSink {
 public:
  bool write(std::span<const std::byte> bytes) override {
    for (const auto byte : bytes) count += byte == std::byte{'\n'} ? 1U : 0U;
    return true;
  }
  std::uint64_t count = 0;
};

int main() {
  am::Machine door{{{"Open", {}}, {"ReportWanted", {.multi = true}}}, {.id = "door"}};
  am::rpc::Server server(door, {.endpoint = "inproc://payload"});

  // The consumer: a machine of the client's. What it executes is accepted, what it cancels refused.
  am::Machine reader{Reader::schema()};
  reader.on("ServerPayloadEnter", [](am::Event& e) {
    return e.is_check() || e.args<am::rpc::Payload>().name != "secret.txt";
  });
  reader.on_state(Reader::ServerDelivering, [](am::Event& e) {
    const auto& info = e.args<am::rpc::PayloadInfo>();
    fmt::print("coming: {}, {} bytes\n", info.name, info.size);
  });
  reader.on_state(Reader::ServerPayload, [](am::Event& e) {
    const auto& payload = e.args<am::rpc::Payload>();
    const auto* lines = dynamic_cast<const Lines*>(payload.sink.get());
    fmt::print("from {}: {}, {} lines\n", payload.machine, payload.name,
               lines == nullptr ? 0 : lines->count);
  });

  am::rpc::Client client({.endpoint = server.endpoint(), .id = "desk"});
  auto attached = client.attach({
      .payloads = {.consumer = reader,
                   .open_sink =
                       [](const am::rpc::PayloadInfo&) -> std::shared_ptr<am::rpc::PayloadSink> {
                     return std::make_shared<Lines>();
                   }},
  });
  if (!attached) {
    fmt::print("{}\n", attached.error().message);
    return 1;
  }

  // By anyone at the source, its handlers too: it never blocks.
  const auto sent = server.send_payload(
      door, {.name = "door.log", .source = std::make_shared<Generated>()}, {.client = "desk"});

  // Meanwhile mutations pass: they wait behind one piece of 64 KiB at most.
  const auto opened = attached->add("Open");
  fmt::print("log: {}\n", to_string(sent.get().kind));
  fmt::print("open: {}\n", to_string(opened.kind()));

  const auto secret = server.send_payload(door, {.name = "secret.txt"}, {.client = "desk"});
  fmt::print("secret: {}\n", to_string(secret.get().kind));

  const auto nobody = server.send_payload(door, {.name = "door.log"}, {.client = "nobody"}).get();
  fmt::print("nobody: {}\n", to_string(nobody.kind));
}
