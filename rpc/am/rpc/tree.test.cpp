// Remote machines that are served again: trees of any depth.
#include <am/error.hpp>
#include <am/machine.hpp>
#include <am/rpc/client.hpp>
#include <am/rpc/door_test.hpp>
#include <am/rpc/server.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using am::Result;
using am::rpc::testing::fresh_inproc;
using am::rpc::testing::Noted;
using am::rpc::testing::patience;

am::Schema counter() { return {{"A", {}}, {"B", {.require = {"A"}}}, {"Bump", {.multi = true}}}; }

/// One level: a server on the machine above, and a proxy of it.
struct Level {
  explicit Level(const am::Api& above)
      : server(above, {.endpoint = fresh_inproc(), .push_interval = 1ms}),
        client({.endpoint = server.endpoint()}) {
    auto attached = client.attach({.timeout = patience});
    if (!attached) throw std::runtime_error(attached.error().message);
    remote.emplace(std::move(*attached));
  }

  am::rpc::Server server;
  am::rpc::Client client;
  std::optional<am::rpc::RemoteMachine> remote;
};

class Tree : public testing::Test {
 protected:
  am::Machine root{counter(), {.id = "root"}};
  Level first{root};
  Level second{*first.remote};
  Level third{*second.remote};
  am::rpc::RemoteMachine& leaf = *third.remote;
};

TEST_F(Tree, EveryLevelBearsTheNameOfTheOrigin) {  // T-1, T-29
  EXPECT_EQ(leaf.id(), "root");
  EXPECT_EQ(leaf.schema().fingerprint(), root.schema().fingerprint());
  EXPECT_EQ(leaf.time(), root.time());
}

TEST_F(Tree, AMutationOfTheLeafReachesTheRootAndShowsAtTheLeafWhenItReturns) {
  EXPECT_EQ(leaf.add("B"), (Result{Result::canceled, am::Reason::requirement}));
  EXPECT_EQ(leaf.add({"A", "B"}), Result::executed);
  EXPECT_TRUE(root.is({"A", "B"}));
  EXPECT_TRUE(first.remote->is({"A", "B"}));
  EXPECT_TRUE(second.remote->is({"A", "B"}));
  EXPECT_TRUE(leaf.is({"A", "B"}));
  EXPECT_EQ(leaf.can_add("Bump"), Result::executed);
  EXPECT_EQ(leaf.toggle("B"), Result::executed);
  EXPECT_EQ(leaf.time(), root.time());
}

TEST_F(Tree, AChangeOfTheRootReachesTheLeaf) {
  const auto came = leaf.when("A");
  const auto bumped = leaf.when_ticks("Bump", 9);
  root.add("A");
  EXPECT_EQ(came.wait_for(patience), am::Ended::fired);
  for (int i = 0; i < 5; ++i) root.add("Bump");
  EXPECT_EQ(bumped.wait_for(patience), am::Ended::fired);
}

TEST_F(Tree, ArgumentsPassThroughServersThatNeedNotKnowThem) {
  Noted<std::string> got;
  root.on_state("A", [&](am::Event& event) {
    const auto* text = event.args().get_if("word");
    got.set(text == nullptr ? "nothing" : std::get<std::string>(*text));
  });
  EXPECT_EQ(leaf.add("A", am::Args{}.with("word", std::string("hello"))), Result::executed);
  EXPECT_EQ(got.get(), "hello");
}

TEST_F(Tree, TheErrorOfAHandlerReachesTheLeafAsItsOutcome) {
  root.on("AEnter", [](am::Event&) { return false; });
  EXPECT_EQ(leaf.add("A"), (Result{Result::canceled, am::Reason::handler}));
}

TEST_F(Tree, ManyCallersOnAllLevelsAgreeAtTheEnd) {
  const auto call = [](am::Api machine) {
    return std::thread([machine]() mutable {
      for (int i = 0; i < 50; ++i) EXPECT_EQ(machine.add("Bump"), Result::executed);
    });
  };
  std::vector<std::thread> callers;
  callers.emplace_back([this] {
    for (int i = 0; i < 50; ++i) {
      const auto result = root.add("Bump");  // queued while another caller's runs
      EXPECT_TRUE(result == Result::executed || result == Result::queued);
    }
  });
  callers.push_back(call(am::Api(first.remote->core())));
  callers.push_back(call(am::Api(leaf.core())));
  callers.push_back(call(am::Api(leaf.core())));
  for (auto& caller : callers) caller.join();
  const am::Tick last{2 * 200 - 1};
  const auto all = leaf.when_time("Bump", last);
  EXPECT_EQ(all.wait_for(patience), am::Ended::fired);
  EXPECT_EQ(leaf.tick("Bump"), last);
  EXPECT_EQ(root.tick("Bump"), last);
}

TEST_F(Tree, TheEndOfTheRootIsTheEndOfAllLevels) {
  const auto never = leaf.when("B");
  root.dispose();
  EXPECT_EQ(never.wait_for(patience), am::Ended::disposed);
  EXPECT_TRUE(leaf.disposed());
}

TEST_F(Tree, WithoutALinkToTheRootMutationsAreNotSent) {
  first.server.stop();
  const auto result = leaf.add("A");
  EXPECT_TRUE(result == Result::not_sent || result == Result::unknown);
  EXPECT_TRUE(root.is_not("A"));
}

TEST_F(Tree, AServerOfAProxyStopsWhileItsClientGoesOn) {
  EXPECT_TRUE(second.server.stop());
  EXPECT_EQ(first.remote->add("A"), Result::executed);
}

TEST_F(Tree, AProxyThatIsGoneIsNotServed) {
  am::Api gone(first.remote->core());
  first.remote.reset();
  am::rpc::Server server({.endpoint = fresh_inproc()});
  EXPECT_THROW(server.expose(gone), am::Error);
}

}  // namespace
