#include <am/rpc/internal/request_log.hpp>

#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace am::rpc::internal {
namespace {

using Seen = RequestLog::Seen;

TEST(RequestLog, FollowsARequestFromItsArrivalUntilTheClientHasItsAnswer) {
  RequestLog log;
  EXPECT_EQ(log.look(1), Seen::fresh);
  log.begin(1);
  EXPECT_EQ(log.look(1), Seen::running);
  EXPECT_EQ(log.running(), 1U);
  EXPECT_TRUE(log.finish(1, Result::executed, "said", true));
  EXPECT_FALSE(log.finish(1, Result::canceled, "", true)) << "once only";
  EXPECT_EQ(log.look(1), Seen::answered);
  EXPECT_EQ(log.answer(1)->result, Result::executed);
  EXPECT_EQ(log.answer(1)->text, "said");
  EXPECT_EQ(log.running(), 0U);
  log.forget_below(2);
  EXPECT_EQ(log.look(1), Seen::gone);
  EXPECT_EQ(log.answers(), 0U);
  EXPECT_EQ(log.look(2), Seen::fresh);
}

TEST(RequestLog, KeepsNoAnswerThatNobodyWillAskFor) {
  RequestLog log;
  log.begin(3);
  log.begin(4);
  log.finish(3, Result::executed, "", false);
  EXPECT_EQ(log.look(3), Seen::gone);
  // Given up by the client at its deadline, while it runs.
  log.forget_below(5);
  EXPECT_EQ(log.look(4), Seen::running);
  log.finish(4, Result::executed, "", true);
  EXPECT_EQ(log.look(4), Seen::gone);
  EXPECT_EQ(log.answers(), 0U);
}

TEST(RequestLog, DropsTheOldestAnswersAboveItsLimits) {
  RequestLog log{{.answers = 2, .texts = 10}};
  for (RequestId i = 1; i <= 4; ++i) log.begin(i);
  log.finish(4, Result::executed, "", true);
  log.finish(2, Result::executed, "", true);
  log.finish(3, Result::executed, "", true);
  EXPECT_EQ(log.look(2), Seen::gone);
  EXPECT_EQ(log.look(3), Seen::answered);
  EXPECT_EQ(log.look(4), Seen::answered);
  EXPECT_EQ(log.look(1), Seen::running) << "it has no answer to drop";
  log.finish(1, Result::executed, "eleven byte", true);
  EXPECT_EQ(log.look(1), Seen::gone) << "its text alone is more than all may have";
  EXPECT_EQ(log.look(4), Seen::answered);
}

TEST(RequestLog, TellsWhatRunsInOrder) {
  RequestLog log;
  for (RequestId i : {2U, 5U, 9U}) log.begin(i);
  log.finish(5, Result::executed, "", true);
  std::vector<RequestId> running;
  log.for_each_running([&](RequestId request) { running.push_back(request); });
  EXPECT_EQ(running, (std::vector<RequestId>{2, 9}));
  EXPECT_EQ(log.last(), 9U);
}

TEST(RequestLog, StaysSmallHoweverManyRequestsPass) {
  RequestLog log;
  for (RequestId i = 1; i <= 10'000; ++i) {
    log.forget_below(i);
    log.begin(i);
    log.finish(i, Result::executed, "", true);
  }
  EXPECT_EQ(log.answers(), 1U);
  EXPECT_LT(log.bytes(), 8192U);
  log.forget_below(std::numeric_limits<RequestId>::max());
  EXPECT_EQ(log.answers(), 0U);
}

}  // namespace
}  // namespace am::rpc::internal
