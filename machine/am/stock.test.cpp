#include <am/stock.hpp>

#include <am/error.hpp>
#include <am/machine.hpp>

#include <gtest/gtest.h>

#include <string>
#include <vector>

AM_STATES_EXTENDING(Peer, (am::states::Basic, am::states::Connected, am::states::Disposed), Busy)
AM_STATES_EXTENDING(Pool, (am::states::Basic, am::states::ConnPool))

namespace {

using am::State;

am::Machine started_peer() {
  am::Machine peer{Peer::schema()};
  peer.add(Peer::Start);
  return peer;
}

TEST(StockStates, OfABasicMachine) {
  const am::CompiledSchema basic(am::states::Basic::schema());
  EXPECT_EQ(basic.size(), 7U);
  const State error{.multi = true, .require = {"Exception"}, .add = {"Exception"}};
  EXPECT_EQ(basic.state(0), State{.multi = true});
  EXPECT_EQ(basic.state(1), error);
  EXPECT_EQ(basic.state(2), error);
  EXPECT_EQ(*basic.schema().find("Ready"), State{.require = {"Start"}});
  EXPECT_EQ(*basic.schema().find("Healthcheck"), State{.multi = true});
  EXPECT_TRUE(basic.notes().empty());
}

TEST(StockStates, ThatNeedOthersSayWhich) {
  try {
    const am::CompiledSchema alone(am::states::Connected::schema());
    FAIL();
  } catch (const am::Error& e) {
    EXPECT_STREQ(e.what(),
                 "state \"Connecting\" has require \"Start\", which the schema does not have");
  }
}

TEST(StockStates, BringAnErrorAlongWithException) {
  auto peer = started_peer();
  peer.add(Peer::ErrNetwork);
  EXPECT_TRUE(peer.is({Peer::ErrNetwork, Peer::Exception}));
  peer.remove(Peer::Exception);
  EXPECT_TRUE(peer.is_not({Peer::ErrNetwork, Peer::Exception}));
}

TEST(StockStates, OfAConnectionExcludeEachOther) {
  auto peer = started_peer();
  EXPECT_TRUE(peer.is(Peer::Disconnected)) << "it is automatic";
  for (const auto state : {Peer::Connecting, Peer::Connected, Peer::Disconnecting}) {
    EXPECT_EQ(peer.add(state), am::Result::executed);
    EXPECT_EQ(peer.first_active(peer.schema().group("Connection")), state);
    EXPECT_FALSE(peer.is(Peer::Disconnected));
  }
  peer.remove(Peer::Disconnecting);
  EXPECT_TRUE(peer.is(Peer::Disconnected));
  peer.add(Peer::Connected);
  peer.remove(Peer::Start);
  EXPECT_TRUE(peer.is_not({Peer::Start, Peer::Connected}));
}

TEST(StockStates, OfAPoolSayWhetherSomeOrAllAreConnected) {
  am::Machine pool{Pool::schema()};
  pool.add({Pool::Start, Pool::Disconnected});
  pool.add(Pool::Connected);
  EXPECT_FALSE(pool.is(Pool::Disconnected));
  pool.add(Pool::ConnectedFully);
  EXPECT_TRUE(pool.is({Pool::Connected, Pool::ConnectedFully}));
  pool.remove(Pool::Connected);
  EXPECT_FALSE(pool.is(Pool::ConnectedFully));
}

TEST(StockStates, OfDisposalEndTheStart) {
  auto peer = started_peer();
  peer.add(Peer::Disposing);
  EXPECT_FALSE(peer.is(Peer::Start));
  peer.add(Peer::Disposed);
  EXPECT_TRUE(peer.is(Peer::Disposed));
  EXPECT_FALSE(peer.is(Peer::Disposing));
}

TEST(StockStates, CarryTheirIdsToMachinesThatHaveThem) {
  auto peer = started_peer();
  peer.add(am::states::Basic::Ready);
  EXPECT_TRUE(peer.is(Peer::Ready));
  peer.add(am::states::Connected::Connected);
  EXPECT_TRUE(peer.is(Peer::Connected));
}

}  // namespace
