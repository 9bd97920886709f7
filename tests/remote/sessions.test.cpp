// Specification 11.1: sessions between a source and a proxy over tcp, and what they cost. Bytes are
// those on the wire, both ways, from the welcome on; the ranges have two sides, so that savings
// that go away, and counters that count nothing, are noticed.
#include "support.hpp"

#include <limits>

namespace {

using namespace std::chrono_literals;
using am::Ended;
using am::Result;
using remote::active;
using remote::patience;
using remote::plain;
using remote::related;
using remote::Subject;
using remote::Where;

/// Counts what a connection does from its making on.
class Meter {
 public:
  explicit Meter(const am::rpc::Client& client) : client_(&client), start_(client.traffic()) {}
  std::uint64_t bytes() const {
    const auto now = client_->traffic();
    return now.bytes_in + now.bytes_out - start_.bytes_in - start_.bytes_out;
  }
  std::uint64_t sent() const { return client_->traffic().frames_out - start_.frames_out; }

 private:
  const am::rpc::Client* client_;
  am::rpc::ConnectionTraffic start_;
};

void expect_within(std::uint64_t value, std::uint64_t least, std::uint64_t most) {
  EXPECT_GE(value, least);
  EXPECT_LE(value, most);
}

TEST(Session, ShowsAMutationOnBothSidesAndEnds) {
  Subject m{Where::tcp, {{"Foo"}, {"Bar", {.require = {"Foo"}}}}};
  EXPECT_EQ(m->add("Foo"), Result::executed);
  EXPECT_TRUE(m->is("Foo") && m.source().is("Foo"));
  m.expect_strict();
  EXPECT_TRUE(m.client().stop(patience));
  EXPECT_TRUE(m.server().stop(patience));
}

TEST(Session, ReleasesAWaiterWithOneCall) {
  Subject m{Where::tcp, related()};
  const Meter meter{m.client()};
  const auto a = m->when("A");
  EXPECT_EQ(m->add({"A", "C"}), Result::executed);
  EXPECT_EQ(a.wait_for(patience), Ended::fired);
  EXPECT_EQ(meter.sent(), 1U);
  EXPECT_EQ(m.proxy().traffic().pushes, 0U);
  expect_within(meter.bytes(), 22, 26);
  m.expect_strict();
}

void add_many(std::chrono::milliseconds interval) {
  Subject m{Where::tcp, related(), {}, {.push_interval = interval}};
  const Meter meter{m.client()};
  const auto d = m->when("D");
  for (int i = 0; i < 500; ++i) EXPECT_EQ(m->add({"A", "C"}), Result::executed);
  m->add("D");
  EXPECT_EQ(d.wait_for(patience), Ended::fired);
  // Instant pushes add nothing: the replies carry the clocks.
  EXPECT_EQ(m.proxy().traffic().pushes, 0U);
  EXPECT_EQ(meter.sent(), 501U);
  expect_within(meter.bytes(), 11'800, 12'500);
  m.expect_strict();
}

TEST(Session, TakesManyCallsWithoutAPush) { add_many(250ms); }
TEST(Session, TakesManyCallsWithInstantPushesForTheSamePrice) { add_many(0ms); }

TEST(Session, CostsTheSameWithManyStates) {
  am::Schema schema = related();
  for (int i = 0; i < 100; ++i) {
    schema = schema.merge(am::Schema{{"State" + std::to_string(i)}});
  }
  Subject m{Where::tcp, schema};
  const Meter meter{m.client()};
  for (int i = 5; i < 95; ++i) {
    m->remove("State" + std::to_string(i - 3));
    m->add("State" + std::to_string(i));
  }
  m->add("D");
  EXPECT_EQ(meter.sent(), 181U);
  expect_within(meter.bytes(), 4'150, 4'400);
  m.expect_strict();
}

TEST(Session, CostsTheSameWithHighClocks) {
  am::Machine before{related(), {.id = "m"}};
  auto saved = before.save();
  saved.time.ticks[0] = saved.time.ticks[2] = am::Tick{1'000'001};
  saved.time.ticks[1] = saved.time.ticks[3] = am::Tick{std::uint64_t{1} << 40U};
  am::Machine source{related(), {.id = "m"}};
  source.restore(saved);
  am::rpc::Server server{source};
  am::rpc::Client client{{.endpoint = server.endpoint()}};
  auto proxy = client.attach({.timeout = patience});
  ASSERT_TRUE(proxy);
  EXPECT_EQ(proxy->tick("A").value, 1'000'001U);
  const Meter meter{client};
  for (int i = 0; i < 500; ++i) {
    EXPECT_EQ(proxy->remove({"A", "C"}), Result::executed);
    EXPECT_EQ(proxy->add({"A", "C"}), Result::executed);
  }
  proxy->add("D");
  EXPECT_TRUE(proxy->is("D"));
  expect_within(meter.bytes(), 26'000, 27'200);
  EXPECT_EQ(proxy->time(), source.time());
}

TEST(Session, ShowsWhatTheSourceDoesByItself) {
  Subject m{Where::tcp, plain(), {}, {.push_interval = 10ms}};
  const Meter meter{m.client()};
  const auto a = m->when("A");
  m.source().add("A");
  EXPECT_EQ(a.wait_for(patience), Ended::fired);
  EXPECT_EQ(meter.sent(), 0U);
  EXPECT_EQ(m.proxy().traffic().pushes, 1U);
  m.expect_strict();
}

TEST(Session, WaitsForAServerThatComesLater) {
  const auto endpoint = remote::endpoint(Where::inproc);
  am::rpc::Client client{{.endpoint = endpoint}};
  const auto early = client.attach({.timeout = 20ms});
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().code, am::rpc::LinkErrc::unreachable);
  am::Machine source{related()};
  const am::rpc::Server server{source, {.endpoint = endpoint}};
  auto proxy = client.attach({.timeout = patience});
  ASSERT_TRUE(proxy) << proxy.error().message;
  EXPECT_EQ(proxy->add("C"), Result::executed);
  EXPECT_EQ(active(*proxy), "A C");
}

}  // namespace
