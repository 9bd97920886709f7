// What a server makes of peers that do not behave, told by frames made by hand.
#include <am/rpc/server.hpp>

#include <am/machine.hpp>
#include <am/rpc/client.hpp>
#include <am/rpc/internal/messages.hpp>
#include <am/rpc/internal/transport/transport_test.hpp>

#include <gtest/gtest.h>

#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace {

using am::Result;
using namespace am::rpc::internal;
using am::rpc::internal::testing::eventually;
using am::rpc::internal::testing::RunningClient;

std::string frame(LinkId link, const auto& message) {
  Bytes bytes;
  Writer writer(bytes);
  encode(writer, link, message);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// A machine behind a server, one client that behaves, and a peer that sends what it likes.
class HostilePeer : public ::testing::Test {
 protected:
  HostilePeer() { peer.start(); }

  /// The number of frames that the peer has received.
  std::size_t received() {
    std::size_t count = 0;
    peer.handler->change([&] { count = peer.handler->frames.size(); });
    return count;
  }
  /// The `index`th frame that the peer receives, decoded as one of a server. Waits for it.
  Decoded reply(std::size_t index) {
    EXPECT_TRUE(peer.handler->wait([&] { return peer.handler->frames.size() > index; }));
    peer.handler->change([&] { last = peer.handler->frames.at(index); });
    return decode(std::as_bytes(std::span{last}), Sender::server, Limits{}, scratch);
  }
  void expect_others_unharmed() {
    EXPECT_TRUE(good->connected());
    EXPECT_EQ(good->toggle("Open"), Result::executed);
  }

  std::mutex log_mutex;
  std::vector<std::string> log;
  am::Machine source{{{"Open", {}}}, {.id = "door"}};
  am::rpc::Server server{source, {.log = [this](std::string_view line) {
                           const std::lock_guard lock(log_mutex);
                           log.emplace_back(line);
                         }}};
  am::rpc::Client client{{.endpoint = server.endpoint()}};
  am::rpc::Expected<am::rpc::RemoteMachine> good = client.attach();
  RunningClient peer{server.endpoint(), {.send_queue = 100'000}};  // nothing of it is dropped
  DecodeScratch scratch;
  std::string last;
};

TEST_F(HostilePeer, that_sends_bytes_of_no_link_is_counted_and_logged) {
  peer.handler->post(std::string("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12));
  EXPECT_TRUE(eventually([&] { return server.stats().stray_frames == 1; }));
  EXPECT_TRUE(eventually([&] {
    const std::lock_guard lock(log_mutex);
    return log.size() == 1;
  }));
  expect_others_unharmed();
}

TEST_F(HostilePeer, that_breaks_its_hello_loses_that_link_only) {
  peer.handler->post(frame(1, Hello{.client_id = "peer"}));
  EXPECT_TRUE(std::holds_alternative<Welcome>(reply(0).message));
  auto broken = frame(2, Hello{.client_id = "peer"});
  broken.resize(broken.size() - 1);
  peer.handler->post(broken);
  EXPECT_TRUE(std::holds_alternative<Bye>(reply(1).message));
  EXPECT_EQ(server.stats().links_broken, 1U);
  // Its other link goes on.
  const std::vector<am::StateIndex> open{0};
  peer.handler->post(frame(1, Mutate{.request = 1, .lowest_unanswered = 1, .called = open}));
  const auto answer = reply(2);
  ASSERT_TRUE(std::holds_alternative<Reply>(answer.message));
  EXPECT_EQ(std::get<Reply>(answer.message).result, Result::executed);
  expect_others_unharmed();
}

TEST_F(HostilePeer, of_another_version_is_told_so) {
  peer.handler->post(frame(1, Hello{.version_low = 99, .version_high = 99}));
  const auto answer = reply(0);
  ASSERT_TRUE(std::holds_alternative<Refused>(answer.message));
  EXPECT_EQ(std::get<Refused>(answer.message).code, RefuseCode::version);
  expect_others_unharmed();
}

TEST_F(HostilePeer, that_calls_a_state_which_is_not_there_is_refused_with_a_code) {
  peer.handler->post(frame(1, Hello{}));
  EXPECT_TRUE(std::holds_alternative<Welcome>(reply(0).message));
  const std::vector<am::StateIndex> beyond{7};
  peer.handler->post(frame(1, Mutate{.request = 1, .lowest_unanswered = 1, .called = beyond}));
  const auto answer = reply(1);
  ASSERT_TRUE(std::holds_alternative<Reply>(answer.message));
  EXPECT_EQ(std::get<Reply>(answer.message).result, (Result{Result::not_sent, am::Reason::denied}));
  EXPECT_EQ(server.stats().denied, 1U);
  expect_others_unharmed();
}

TEST_F(HostilePeer, that_mutates_before_its_hello_changes_nothing) {
  const std::vector<am::StateIndex> open{0};
  peer.handler->post(frame(1, Mutate{.request = 1, .lowest_unanswered = 1, .called = open}));
  const auto answer = reply(0);
  ASSERT_TRUE(std::holds_alternative<Bye>(answer.message));
  EXPECT_EQ(std::get<Bye>(answer.message).code, ByeCode::unknown_link);
  EXPECT_EQ(source.tick("Open"), am::Tick{0});
  expect_others_unharmed();
}

TEST_F(HostilePeer, that_sends_arguments_of_no_known_type_gets_an_error_in_words) {
  peer.handler->post(frame(1, Hello{}));
  EXPECT_TRUE(std::holds_alternative<Welcome>(reply(0).message));
  const std::vector<am::StateIndex> open{0};
  const std::string args("\x01\x07nothing\x00", 10);
  peer.handler->post(frame(1, Mutate{.request = 1,
                                     .lowest_unanswered = 1,
                                     .called = open,
                                     .args = std::as_bytes(std::span{args})}));
  const auto answer = reply(1);
  ASSERT_TRUE(std::holds_alternative<Reply>(answer.message));
  EXPECT_EQ(std::get<Reply>(answer.message).result.reason(), am::Reason::denied);
  EXPECT_NE(std::get<Reply>(answer.message).text, "");
  EXPECT_EQ(source.tick("Open"), am::Tick{0});
}

TEST_F(HostilePeer, that_sends_an_unknown_message_is_answered_and_may_go_on) {
  peer.handler->post(frame(1, Hello{}));
  EXPECT_TRUE(std::holds_alternative<Welcome>(reply(0).message));
  peer.handler->post(std::string("\x7e\x01", 2));
  const auto answer = reply(1);
  ASSERT_TRUE(std::holds_alternative<Problem>(answer.message));
  EXPECT_EQ(std::get<Problem>(answer.message).code, ErrorCode::unknown_message);
  peer.handler->post(frame(1, Ping{5}));
  EXPECT_TRUE(std::holds_alternative<Pong>(reply(2).message));
}

TEST_F(HostilePeer, that_sends_noise_hurts_nobody_else) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int i = 0; i < 2'000; ++i) {
    std::string noise(random() % 40 + 1, '\0');
    for (auto& c : noise) c = static_cast<char>(random());
    if (i % 4 == 0) noise = frame(random() % 4, Hello{}).substr(0, random() % 20 + 1);
    peer.handler->post(noise);
  }
  peer.handler->post(frame(77, Hello{}));
  EXPECT_TRUE(peer.handler->wait(
      [&] { return !peer.handler->frames.empty() && peer.handler->frames.back().size() > 20; }));
  expect_others_unharmed();
}

}  // namespace
