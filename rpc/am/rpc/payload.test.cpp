// Payloads and large arguments between a real server and a real client.
#include <am/rpc/payload.hpp>

#include <am/machine.hpp>
#include <am/rpc/arg_types.hpp>
#include <am/rpc/client.hpp>
#include <am/rpc/door_test.hpp>
#include <am/rpc/server.hpp>
#include <am/rpc/wire_test.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using am::Result;
using am::rpc::Delivery;
using am::rpc::Payload;
using am::rpc::PayloadAck;
using am::rpc::PayloadVerdict;
using am::rpc::testing::Noted;

constexpr auto patience = 20s;

std::vector<std::byte> bytes_of(std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>((i * 2654435761U) >> 9U);
  return bytes;
}

struct Blob {
  std::string bytes;
};

void register_blob() {
  am::rpc::ArgTypes::global().add(
      {.name = "payload-test-blob",
       .type = typeid(Blob),
       .encode =
           [](const void* value, am::rpc::ArgOutput& out) {
             const auto& bytes = static_cast<const Blob*>(value)->bytes;
             out.count(bytes.size());
             out.raw(std::as_bytes(std::span{bytes}));
           },
       .decode = [](am::rpc::ArgInput& in) -> std::shared_ptr<const void> {
         auto blob = std::make_shared<Blob>();
         blob->bytes.resize(in.count());
         in.raw(std::as_writable_bytes(std::span{blob->bytes}));
         return blob;
       }});
}

/// A source behind a server, and its remote machine with a consumer.
class Payloads : public ::testing::Test {
 protected:
  struct Taken {
    std::mutex mutex;
    std::vector<Payload> payloads;
  };

  Payloads() {
    register_blob();
    consumer.on_state("ServerPayload", [this](am::Event& e) {
      const std::lock_guard lock(taken.mutex);
      taken.payloads.push_back(e.args<Payload>());
    });
  }
  am::rpc::RemoteMachine attach(am::rpc::ConsumerOptions payloads) {
    auto attached = client.attach({.payloads = std::move(payloads)});
    if (!attached) throw std::runtime_error(attached.error().message);
    return std::move(*attached);
  }
  am::rpc::RemoteMachine attach() { return attach({.consumer = consumer}); }
  Delivery send(Payload payload, am::rpc::PayloadOptions options = {}) {
    const auto sent = server.send_payload(source, std::move(payload), options);
    const auto delivery = sent.get_for(patience);
    return delivery ? *delivery : Delivery{Delivery::Kind::timeout, "of the test"};
  }

  am::Machine source{{{"Open", {}}, {"Seen", {.multi = true}}}, {.id = "source"}};
  am::rpc::Server server{source, {.push_interval = 0ms}};
  am::rpc::Client client{{.endpoint = server.endpoint(), .id = "client"}};
  Taken taken;
  am::Machine consumer{am::states::Consumer::schema(), {.id = "consumer"}};
};

TEST_F(Payloads, ReachTheConsumerAsArgumentsOfServerPayload) {
  auto remote = attach();
  const auto data = bytes_of(300'000);
  EXPECT_EQ(send({.name = "data", .encoding = "bin", .data = data}), Delivery::Kind::delivered);
  const std::lock_guard lock(taken.mutex);
  ASSERT_EQ(taken.payloads.size(), 1U);
  EXPECT_EQ(taken.payloads[0].name, "data");
  EXPECT_EQ(taken.payloads[0].encoding, "bin");
  EXPECT_EQ(taken.payloads[0].machine, "source");
  EXPECT_EQ(taken.payloads[0].size, data.size());
  EXPECT_TRUE(taken.payloads[0].data == data);
}

TEST_F(Payloads, BringTypedValuesToo) {
  auto remote = attach();
  std::string got;
  consumer.on_state("ServerPayload", [&](am::Event& e) { got = e.args<Blob>().bytes; });
  EXPECT_EQ(send({.name = "typed", .args = Blob{"hello"}}), Delivery::Kind::delivered);
  EXPECT_EQ(got, "hello");
}

TEST_F(Payloads, CanceledByTheConsumerAreRefused) {
  am::Machine strict{am::states::Consumer::schema()};
  strict.on("ServerPayloadEnter", [](am::Event&) { return false; });
  auto remote = attach({.consumer = strict});
  const auto delivery = send({.name = "data"});
  EXPECT_EQ(delivery, Delivery::Kind::refused);
  EXPECT_NE(delivery.text.find("canceled"), std::string::npos) << delivery.text;
  // Those who only want to know that it is there are content.
  EXPECT_EQ(send({.name = "data"}, {.ack = PayloadAck::received}), Delivery::Kind::delivered);
}

TEST_F(Payloads, NobodyTakesAreRefused) {
  auto remote = attach(am::rpc::ConsumerOptions{});
  EXPECT_EQ(send({.name = "data"}), Delivery::Kind::refused);
}

TEST_F(Payloads, ForNobodyAreNotSentAtOnce) {
  EXPECT_EQ(send({.name = "data"}), Delivery::Kind::not_sent);
  auto remote = attach();
  EXPECT_EQ(send({.name = "data"}, {.client = "another"}), Delivery::Kind::not_sent);
  EXPECT_EQ(send({.name = "data"}, {.client = "client"}), Delivery::Kind::delivered);
}

TEST_F(Payloads, ThatCouldBeForSeveralAreNotSent) {
  auto remote = attach();
  am::rpc::Client other{{.endpoint = server.endpoint(), .id = "other"}};
  const auto second = other.attach({.payloads = {.consumer = consumer}});
  ASSERT_TRUE(second);
  EXPECT_EQ(send({.name = "data"}), Delivery::Kind::not_sent);
  EXPECT_EQ(send({.name = "data"}, {.client = "other"}), Delivery::Kind::delivered);
}

TEST_F(Payloads, MayBeSentByAHandlerOfTheSource) {
  auto remote = attach();
  Noted<std::optional<am::Pending<Delivery>>> sent;
  source.on_state("Open", [&](am::Event&) {
    sent.set(server.send_payload(source, {.name = "from a handler"}));
  });
  EXPECT_EQ(remote.add("Open"), Result::executed);
  EXPECT_EQ(sent.get()->get_for(patience)->kind, Delivery::Kind::delivered);
}

TEST_F(Payloads, AskTheCallbackBeforeTheConsumer) {
  std::atomic<int> asked{0};
  auto remote = attach({.consumer = consumer, .on_payload = [&](const Payload& payload) {
                          if (payload.name == "bad") return PayloadVerdict::refuse("bad");
                          if (++asked == 1) return PayloadVerdict::not_now(10ms);
                          return PayloadVerdict::accept();
                        }});
  const auto refused = send({.name = "bad"});
  EXPECT_EQ(refused, Delivery::Kind::refused);
  EXPECT_EQ(refused.text, "bad");
  EXPECT_EQ(send({.name = "good", .data = bytes_of(100'000)}), Delivery::Kind::delivered);
  EXPECT_EQ(asked, 2);
  const std::lock_guard lock(taken.mutex);
  ASSERT_EQ(taken.payloads.size(), 1U);
  EXPECT_EQ(taken.payloads[0].data.size(), 100'000U);
}

TEST_F(Payloads, AreAnnouncedToConsumersWhoWantToKnow) {
  am::Machine curious{{{"ServerPayload", {.multi = true}}, {"ServerDelivering", {.multi = true}}}};
  std::uint64_t size = 0;
  curious.on_state("ServerDelivering",
                   [&](am::Event& e) { size = e.args<am::rpc::PayloadInfo>().size; });
  auto remote = attach({.consumer = curious});
  EXPECT_EQ(send({.name = "data", .data = bytes_of(100)}), Delivery::Kind::delivered);
  EXPECT_EQ(size, 100U);
}

class Generated final : public am::rpc::PayloadSource {
 public:
  explicit Generated(std::uint64_t size) : size_(size) {}
  std::uint64_t size() const noexcept override { return size_; }
  bool read(std::uint64_t offset, std::span<std::byte> to) override {
    for (std::size_t i = 0; i < to.size(); i += 64) to[i] = static_cast<std::byte>(offset >> 16U);
    return true;
  }

 private:
  std::uint64_t size_;
};

class Counted final : public am::rpc::PayloadSink {
 public:
  bool write(std::span<const std::byte> bytes) override {
    written += bytes.size();
    return true;
  }
  std::atomic<std::uint64_t> written{0};
};

TEST_F(Payloads, LargerThanAnyMemoryGoIntoASinkWhileMutationsPass) {
  auto sink = std::make_shared<Counted>();
  auto remote = attach({.consumer = consumer,
                        .open_sink = [&](const am::rpc::PayloadInfo&) { return sink; },
                        .max_memory = 1U << 20U});
  const std::uint64_t size = std::uint64_t{64} << 20U;
  const auto sent =
      server.send_payload(source, {.name = "huge", .source = std::make_shared<Generated>(size)});
  std::size_t meanwhile = 0;
  while (!sent.done()) {
    ASSERT_EQ(remote.toggle("Open"), Result::executed);
    ++meanwhile;
  }
  EXPECT_EQ(*sent.value(), Delivery::Kind::delivered);
  EXPECT_EQ(sink->written, size);
  EXPECT_GT(meanwhile, 10U);
}

TEST_F(Payloads, ToAClientThatIsGoneEndAsLinkLost) {
  auto remote = std::make_unique<am::rpc::RemoteMachine>(
      attach({.on_payload = [](const Payload&) { return PayloadVerdict::not_now(60s); }}));
  const auto sent = server.send_payload(source, {.name = "data"});
  EXPECT_FALSE(sent.get_for(50ms));
  remote.reset();
  EXPECT_EQ(sent.get_for(patience)->kind, Delivery::Kind::link_lost);
}

TEST_F(Payloads, EndAtTheirTimeout) {
  const auto remote =
      attach({.on_payload = [](const Payload&) { return PayloadVerdict::not_now(60s); }});
  EXPECT_EQ(send({.name = "data"}, {.timeout = 20ms}), Delivery::Kind::timeout);
}

TEST_F(Payloads, OfAMachineThatIsNotExposedThrow) {
  am::Machine other{{{"A", {}}}};
  EXPECT_THROW(server.send_payload(other, {}), am::Error);
  EXPECT_THROW(server.send_payload(source, {.name = std::string(256, 'x')}), am::Error);
}

TEST_F(Payloads, NeedAConsumerWithItsStates) {
  am::Machine plain{{{"A", {}}}};
  EXPECT_THROW((void)client.attach({.payloads = {.consumer = plain}}), am::Error);
  am::Machine single{{{"ServerPayload", {}}}};
  EXPECT_THROW((void)client.attach({.payloads = {.consumer = single}}), am::Error);
}

/// Cuts the wire when so many bytes have come.
class Cutting final : public am::rpc::PayloadSink {
 public:
  Cutting(am::rpc::testing::Wire& wire, std::uint64_t every) : wire_(wire), every_(every) {}
  bool write(std::span<const std::byte> bytes) override {
    const auto before = written / every_;
    for (const auto byte : bytes) wrong += byte != content[written++] ? 1U : 0U;
    if (written / every_ != before) {
      ++cuts;
      cutters_.emplace_back([this] {
        wire_.cut();
        wire_.mend();
      });
    }
    return true;
  }
  std::vector<std::byte> content;
  std::uint64_t written = 0;
  std::uint64_t wrong = 0;
  int cuts = 0;

 private:
  am::rpc::testing::Wire& wire_;
  std::uint64_t every_;
  std::vector<std::jthread> cutters_;
};

TEST_F(Payloads, GoOnOverLostConnections) {
  am::rpc::testing::Wire wire(server.endpoint());
  am::rpc::Client far{
      {.endpoint = wire.endpoint(), .id = "far", .retry_delay = 1ms, .retry_delay_max = 5ms}};
  const auto sink = std::make_shared<Cutting>(wire, 1'000'000);
  sink->content = bytes_of(3'500'000);
  std::atomic<int> accepted{0};
  const auto remote =
      far.attach({.payloads = {.on_payload =
                                   [&](const Payload&) {
                                     ++accepted;
                                     return PayloadVerdict::accept();
                                   },
                               .open_sink = [&](const am::rpc::PayloadInfo&) { return sink; }}});
  ASSERT_TRUE(remote);
  EXPECT_EQ(send({.name = "data", .data = sink->content}), Delivery::Kind::delivered);
  // Each byte came once, in order, over all of the connections.
  EXPECT_EQ(sink->written, sink->content.size());
  EXPECT_EQ(sink->wrong, 0U);
  EXPECT_EQ(sink->cuts, 3);
  EXPECT_EQ(accepted, 1);
}

TEST_F(Payloads, LargeArgumentsSurviveALostConnection) {
  am::rpc::testing::Wire wire(server.endpoint());
  am::rpc::Client far{{.endpoint = wire.endpoint(),
                       .when_down = am::rpc::WhenDown::wait,
                       .retry_delay = 1ms,
                       .retry_delay_max = 5ms}};
  auto remote = far.attach();
  ASSERT_TRUE(remote);
  std::atomic<int> seen{0};
  source.on_state("Seen", [&](am::Event& e) {
    if (e.args<Blob>().bytes.size() == 5'000'000) ++seen;
  });
  const auto sent = remote->add_async("Seen", Blob{std::string(5'000'000, 'x')});
  wire.cut();
  wire.mend();
  EXPECT_EQ(sent.get_for(patience), Result(Result::executed));
  EXPECT_EQ(seen, 1);
}

// -- arguments ------------------------------------------------------------------------------------

TEST_F(Payloads, LargeArgumentsReachTheSource) {
  auto remote = attach();
  Noted<std::vector<std::size_t>> sizes;
  source.on_state("Seen", [&](am::Event& e) {
    sizes.change([&](auto& all) { all.push_back(e.args<Blob>().bytes.size()); });
  });
  for (const std::size_t size : {std::size_t{1000}, std::size_t{300'000}, std::size_t{3'000'000}}) {
    EXPECT_EQ(remote.add("Seen", Blob{std::string(size, 'x')}), Result::executed);
    EXPECT_EQ(remote.add_async("Seen", Blob{std::string(size, 'y')}).get(), Result::executed);
  }
  EXPECT_EQ(sizes.get(),
            (std::vector<std::size_t>{1000, 1000, 300'000, 300'000, 3'000'000, 3'000'000}));
}

TEST_F(Payloads, ArgumentsAboveTheServersLimitAreRefusedAndAtItTaken) {
  am::rpc::Server small{source, {.max_argument_bytes = 1U << 20U}};
  am::rpc::Client to_small{{.endpoint = small.endpoint()}};
  auto remote = to_small.attach();
  ASSERT_TRUE(remote);
  std::atomic<int> seen{0};
  source.on_state("Seen", [&](am::Event&) { ++seen; });
  // A few bytes are for the names.
  const std::size_t frame = 64;
  EXPECT_EQ(remote->add("Seen", Blob{std::string((1U << 20U) + 1, 'x')}), Result::not_sent);
  EXPECT_EQ(seen, 0);
  EXPECT_EQ(remote->add("Seen", Blob{std::string((1U << 20U) - frame, 'x')}), Result::executed);
  EXPECT_EQ(seen, 1);
}

TEST_F(Payloads, ArgumentsAboveTheClientsLimitThrow) {
  am::rpc::Client small{{.endpoint = server.endpoint(), .max_argument_bytes = 1000}};
  auto remote = small.attach();
  ASSERT_TRUE(remote);
  EXPECT_THROW(remote->add("Seen", Blob{std::string(1000, 'x')}), am::Error);
}

TEST_F(Payloads, LargeArgumentsAreNotSentWithoutALink) {
  auto remote = attach();
  server.stop();
  const auto result = remote.add("Seen", Blob{std::string(1'000'000, 'x')});
  EXPECT_EQ(result, Result::not_sent);
  EXPECT_EQ(result.reason(), am::Reason::link);
}

}  // namespace
