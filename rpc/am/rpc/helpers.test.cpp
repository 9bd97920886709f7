// The helpers with a machine of another process on either side.
#include <am/helpers/mirror.hpp>
#include <am/helpers/mutate.hpp>
#include <am/helpers/pipe.hpp>
#include <am/helpers/wait_all.hpp>
#include <am/rpc/testing.hpp>

#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;

/// Far longer than anything here takes; a test that needs it has failed.
constexpr auto patience = 30s;

struct Letter {
  std::string text;
};

am::Schema letters() { return {{"A", {}}, {"B", {}}, {"Ready", {}}, {"ErrA", {}}}; }

TEST(RemoteHelpers, pipe_from_a_proxy) {
  am::Machine source{letters()};
  am::Machine target{letters()};
  am::rpc::testing::RemotePair pair(source);
  const am::Pipe pipe{pair.remote(), target, {{"A", "B"}, {"Ready"}}};
  source.add("A");
  EXPECT_EQ(target.when("B").wait_for(patience), am::Ended::fired);
  source.remove("A");
  EXPECT_EQ(target.when_not("B").wait_for(patience), am::Ended::fired);
  for (int i = 0; i < 100; ++i) source.toggle("A");
  source.add({"A", "Ready"});
  EXPECT_EQ(target.when({"B", "Ready"}).wait_for(patience), am::Ended::fired);
}

TEST(RemoteHelpers, pipe_to_a_proxy_in_order) {
  am::Machine source{letters()};
  am::Machine target{letters()};
  am::rpc::testing::RemotePair pair(target);
  const am::Pipe pipe{source, pair.remote(), {{"A"}, {"B", "ErrA"}, {"Ready"}}};
  for (int i = 0; i < 51; ++i) source.toggle("A");
  source.add("B");
  source.add("Ready", Letter{"stays at home"});
  EXPECT_EQ(target.when({"A", "ErrA", "Exception", "Ready"}).wait_for(patience), am::Ended::fired);
  EXPECT_EQ(target.tick("A"), source.tick("A"));
}

TEST(RemoteHelpers, pipe_ends_with_the_link_of_its_source) {
  am::Machine target{letters()};
  am::Pipe pipe;
  {
    am::Machine source{letters()};
    am::rpc::testing::RemotePair pair(source);
    pipe = am::Pipe(pair.remote(), target, {{"A"}});
    EXPECT_TRUE(pipe.active());
  }
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (pipe.active() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_FALSE(pipe.active());
}

TEST(RemoteHelpers, mirror_has_handlers_for_a_proxy) {
  am::Machine source{letters()};
  am::rpc::testing::RemotePair pair(source);
  am::Mirror mirror{pair.remote()};
  mirror.machine().on_state("A", [](am::Event& e) { e.machine().add("B"); });
  source.add("A");
  EXPECT_EQ(mirror.machine().when("B").wait_for(patience), am::Ended::fired);
}

TEST(RemoteHelpers, wait_and_mutate_across) {
  am::Machine near{letters()};
  am::Machine far{letters()};
  am::rpc::testing::RemotePair pair(far);
  EXPECT_TRUE(am::add_sync(pair.remote(), "A", {}, {.timeout = patience}));
  EXPECT_TRUE(am::remove_sync(pair.remote(), "A", {}, {.timeout = patience}));
  const auto both = am::when_all({near.when("Ready"), pair.remote().when("Ready")});
  near.add("Ready");
  far.add("Ready");
  EXPECT_TRUE(both.get_for(patience).value_or(am::Waited{.ended = am::Ended::timeout}).ok());
}

}  // namespace
