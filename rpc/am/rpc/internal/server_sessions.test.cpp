#include <am/rpc/internal/server_sessions.hpp>

#include <gtest/gtest.h>

namespace am::rpc::internal {
namespace {

using namespace std::chrono_literals;

struct Sessions : testing::Test {
  ServerSessions::TimePoint now{1h};
  std::uint64_t next = 100;
  SessionKey key{"client", "machine", 7, ""};

  ServerSessions make(SessionLimits limits = {}) {
    return ServerSessions(limits, [this] { return next++; });
  }
};

TEST_F(Sessions, GoOnWithAnotherLinkForWhoKnowsTheToken) {
  auto sessions = make();
  const auto first = sessions.open(key, 0, {1, 1});
  EXPECT_FALSE(first.resumed);
  const auto token = first.session->token;
  first.session->log->begin(1);
  sessions.detach(token, now);
  EXPECT_EQ(sessions.waiting(), 1U);
  const auto second = sessions.open(key, token, {2, 1});
  EXPECT_TRUE(second.resumed);
  EXPECT_FALSE(second.former);
  EXPECT_EQ(second.session->log->running(), 1U);
  EXPECT_EQ(sessions.waiting(), 0U);
  EXPECT_EQ(sessions.next_deadline(), ServerSessions::TimePoint::max());
}

TEST_F(Sessions, AreReplacedWhenTheTokenIsAnother) {
  auto sessions = make();
  const auto token = sessions.open(key, 0, {1, 1}).session->token;
  const auto again = sessions.open(key, token + 1000, {2, 1});
  EXPECT_FALSE(again.resumed);
  EXPECT_NE(again.session->token, token);
  EXPECT_EQ(again.former, (LinkName{1, 1}));
  EXPECT_EQ(sessions.find(token), nullptr);
  EXPECT_EQ(sessions.size(), 1U);
}

TEST_F(Sessions, AreNotThoseOfAnotherClientMachineOrKey) {
  auto sessions = make();
  const auto token = sessions.open(key, 0, {1, 1}).session->token;
  for (const auto& other :
       {SessionKey{"other", "machine", 7, ""}, SessionKey{"client", "m", 7, ""},
        SessionKey{"client", "machine", 8, ""}, SessionKey{"client", "machine", 7, "key"}}) {
    EXPECT_FALSE(sessions.open(other, token, {2, 2}).resumed);
  }
  EXPECT_NE(sessions.find(token), nullptr) << "and leave it alone";
}

TEST_F(Sessions, AreTakenOverFromALinkThatNobodyKnowsToBeDead) {
  auto sessions = make();
  const auto token = sessions.open(key, 0, {1, 1}).session->token;
  const auto again = sessions.open(key, token, {2, 5});
  EXPECT_TRUE(again.resumed);
  EXPECT_EQ(again.former, (LinkName{1, 1}));
  EXPECT_EQ(again.session->link, (LinkName{2, 5}));
}

TEST_F(Sessions, EndWhenTheirTimeIsUp) {
  auto sessions = make({.ttl = 10s});
  const auto token = sessions.open(key, 0, {1, 1}).session->token;
  sessions.detach(token, now);
  EXPECT_EQ(sessions.next_deadline(), now + 10s);
  sessions.expire(now + 9s);
  EXPECT_NE(sessions.find(token), nullptr);
  sessions.expire(now + 10s);
  EXPECT_EQ(sessions.find(token), nullptr);
  EXPECT_FALSE(sessions.open(key, token, {2, 1}).resumed);
}

TEST_F(Sessions, DoNotWaitWithoutTime) {
  auto sessions = make({.ttl = 0s});
  const auto token = sessions.open(key, 0, {1, 1}).session->token;
  EXPECT_FALSE(sessions.open(key, token, {2, 1}).resumed);
  sessions.detach(token, now);
  EXPECT_EQ(sessions.waiting(), 0U);
}

TEST_F(Sessions, ThatHaveWaitedLongestGoAboveTheLimits) {
  auto sessions = make({.waiting = 2});
  std::vector<ServerSessions::Token> tokens;
  for (std::uint64_t i = 0; i < 3; ++i) {
    key.number = i;
    tokens.push_back(sessions.open(key, 0, {i, 1}).session->token);
    sessions.detach(tokens.back(), now + std::chrono::seconds{i});
  }
  EXPECT_EQ(sessions.find(tokens[0]), nullptr);
  EXPECT_NE(sessions.find(tokens[1]), nullptr);
  EXPECT_EQ(sessions.waiting(), 2U);

  auto small = make({.waiting_bytes = 1000});
  const auto token = small.open(key, 0, {1, 1}).session->token;
  for (RequestId i = 1; i < 100; ++i) {
    small.find(token)->log->begin(i);
    small.find(token)->log->finish(i, Result::executed, "", true);
  }
  small.detach(token, now);
  EXPECT_EQ(small.find(token), nullptr);
}

}  // namespace
}  // namespace am::rpc::internal
