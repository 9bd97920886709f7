#include <am/rpc/internal/client_waits.hpp>

#include <gtest/gtest.h>

#include <optional>

namespace am::rpc::internal {
namespace {

struct ClientWaiting : testing::Test {
  ClientWaits waits;
  Outbox frames;
  std::vector<WaitId> ended;
  Clocks clocks{{0, 4}, 1, 0};

  void open(bool knows = true, bool same_epoch = true) {
    waits.link_opened(7, knows, same_epoch, frames, ended);
  }
  /// The only frame, taken out.
  template <class Message>
  Message only() {
    EXPECT_EQ(frames.size(), 1U);
    const auto decoded = decode_wait(frames[0], {});
    EXPECT_EQ(decoded.link, 7U);
    frames.clear();
    return std::get<Message>(decoded.message);
  }
};

TEST_F(ClientWaiting, AreAskedForAtOnce) {
  open();
  EXPECT_TRUE(waits.ask(1, 1, {}, clocks, frames));
  const auto asked = only<WaitAsked>();
  EXPECT_EQ(asked.wait, 1U);
  EXPECT_EQ(asked.state, 1U);
  EXPECT_FALSE(asked.again);
}

TEST_F(ClientWaiting, AreAskedForAgainWithTheTickUpToWhichTheSourceHadThem) {
  open();
  waits.ask(1, 1, {}, clocks, frames);
  waits.answered({1, WaitOutcome::waiting}, frames);
  frames.clear();
  clocks.ticks[1] = 6;
  waits.link_lost(clocks);
  open();
  const auto asked = only<WaitAsked>();
  EXPECT_TRUE(asked.again);
  EXPECT_EQ(asked.tick, 6U);
  clocks.ticks[1] = 8;
  waits.link_lost(clocks);
  open();
  EXPECT_EQ(only<WaitAsked>().tick, 6U) << "nobody has said that the source has it";
}

TEST_F(ClientWaiting, ThatWereMadeWithoutALinkAreAskedForLater) {
  EXPECT_TRUE(waits.ask(1, 1, {}, clocks, frames));
  EXPECT_TRUE(frames.empty());
  open();
  EXPECT_EQ(only<WaitAsked>().tick, 4U);
}

TEST_F(ClientWaiting, AreForgottenWhenTheyHaveEnded) {
  open();
  waits.ask(1, 1, {}, clocks, frames);
  frames.clear();
  EXPECT_FALSE(waits.answered({1, WaitOutcome::waiting}, frames));
  EXPECT_TRUE(waits.answered({1, WaitOutcome::fired}, frames));
  EXPECT_EQ(only<WaitForgotten>().wait, 1U);
  EXPECT_FALSE(waits.answered({1, WaitOutcome::fired}, frames)) << "only once";
  waits.forget(1, frames);
  EXPECT_TRUE(frames.empty());
}

TEST_F(ClientWaiting, ThatWereDroppedWithoutALinkAreForgottenLater) {
  open();
  waits.ask(1, 1, {}, clocks, frames);
  frames.clear();
  waits.link_lost(clocks);
  waits.forget(1, frames);
  EXPECT_TRUE(frames.empty());
  open();
  EXPECT_EQ(only<WaitForgotten>().wait, 1U);
}

TEST_F(ClientWaiting, EndWithTheEpoch) {
  open();
  waits.ask(1, 1, {}, clocks, frames);
  frames.clear();
  waits.link_lost(clocks);
  open(true, false);
  EXPECT_EQ(only<WaitForgotten>().wait, 1U);
  EXPECT_EQ(ended, std::vector<WaitId>{1});
  EXPECT_EQ(waits.size(), 0U);
}

TEST_F(ClientWaiting, OfAServerThatDoesNotKnowThemAreNotAskedFor) {
  waits.ask(1, 1, {}, clocks, frames);
  open(false);
  EXPECT_EQ(ended, std::vector<WaitId>{1});
  EXPECT_FALSE(waits.ask(2, 1, {}, clocks, frames));
  EXPECT_TRUE(frames.empty());
}

}  // namespace
}  // namespace am::rpc::internal
