#include <am/rpc/internal/transport/zap.hpp>

#include <am/rpc/internal/transport/curve.hpp>
#include <am/rpc/internal/transport/socket.hpp>
#include <am/rpc/internal/transport/transport_test.hpp>

#include <gtest/gtest.h>
#include <array>
#include <zmq.hpp>

namespace am::rpc::internal {
namespace {

using namespace testing;
using namespace std::chrono_literals;

/// Asks as libzmq does, and returns status and user id, or "" when no answer came.
struct Asker {
  explicit Asker(const Context& context)
      : socket(*static_cast<zmq::context_t*>(context.native()), zmq::socket_type::req) {
    socket.set(zmq::sockopt::linger, 0);
    socket.set(zmq::sockopt::rcvtimeo, 20'000);
    socket.connect("inproc://zeromq.zap.01");
  }
  std::pair<std::string, std::string> ask(const std::vector<std::string>& parts) {
    for (std::size_t i = 0; i < parts.size(); ++i) {
      socket.send(zmq::buffer(parts[i]),
                  i + 1 < parts.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
    }
    std::vector<std::string> reply;
    zmq::message_t part;
    do {
      if (!socket.recv(part)) return {};
      reply.push_back(part.to_string());
    } while (part.more());
    if (reply.size() != 6 || reply[0] != "1.0") return {};
    EXPECT_EQ(reply[1], parts.size() > 1 ? parts[1] : "");
    return {reply[2], reply[4]};
  }
  zmq::socket_t socket;
};

struct Zap : ::testing::Test {
  Context context;
  SecretKey key = SecretKey::make();
  ZapDomain domain{context, {key.public_key()}};
  Asker asker{context};

  static std::string raw(const PublicKey& key) {
    return {reinterpret_cast<const char*>(key.bytes().data()), key_bytes};
  }
  std::string ask(const std::string& where, const std::string& mechanism,
                  const std::string& credentials) {
    return asker.ask({"1.0", "1", where, "127.0.0.1", "", mechanism, credentials}).first;
  }
};

TEST_F(Zap, AdmitsAKeyOfTheDomainAndNamesItsOwner) {
  const auto [status, user] = asker.ask(
      {"1.0", "1", domain.name(), "127.0.0.1", "somebody else", "CURVE", raw(key.public_key())});
  EXPECT_EQ(status, "200");
  EXPECT_EQ(user, key.public_key().text());
}

TEST_F(Zap, RefusesEverythingElse) {
  const auto good = raw(key.public_key());
  EXPECT_EQ(ask(domain.name(), "CURVE", raw(SecretKey::make().public_key())), "400");
  EXPECT_EQ(ask(domain.name(), "NULL", good), "400");
  EXPECT_EQ(ask(domain.name(), "PLAIN", good), "400");
  EXPECT_EQ(ask(domain.name() + "0", "CURVE", good), "400");
  EXPECT_EQ(ask("", "CURVE", good), "400");
  EXPECT_EQ(ask(std::string{plain_domain}, "CURVE", good), "400");
  EXPECT_EQ(ask(domain.name(), "CURVE", std::string(key_bytes, '\0')), "400");
  EXPECT_EQ(ask(domain.name(), "CURVE", good + "x"), "400");
  EXPECT_EQ(ask(domain.name(), "CURVE", good.substr(1)), "400");
  EXPECT_EQ(ask(domain.name(), "CURVE", std::string(1000, 'x')), "400");
  EXPECT_EQ(ask(std::string(1000, 'd'), "CURVE", good), "400");
  EXPECT_EQ(ask(domain.name(), "CURVE", good), "200") << "and goes on";
}

TEST_F(Zap, RefusesRequestsThatItCannotRead) {
  const auto good = raw(key.public_key());
  const std::vector<std::vector<std::string>> requests{
      {""},
      {"1.0"},
      {"1.0", "1"},
      {"1.0", "1", domain.name()},
      {"1.0", "1", domain.name(), "", "", "CURVE"},
      {"2.0", "1", domain.name(), "", "", "CURVE", good},
      {"1.0", "1", domain.name(), "", "", "CURVE", good, good},
      std::vector<std::string>(100, "x"),
  };
  for (const auto& request : requests) {
    EXPECT_EQ(asker.ask(request).first, "400") << request.size() << " parts";
  }
  EXPECT_EQ(ask(domain.name(), "CURVE", good), "200");
}

TEST_F(Zap, AsksNothingOfPeersWithoutKeysWhereNoneAreWanted) {
  EXPECT_EQ(asker.ask({"1.0", "1", std::string{plain_domain}, "127.0.0.1", "", "NULL"}).first,
            "200");
  EXPECT_EQ(asker.ask({"1.0", "1", domain.name(), "127.0.0.1", "", "NULL"}).first, "400");
}

TEST_F(Zap, RefusesAllOnceTheDomainIsClosedOrItsKeysAreReplaced) {
  const auto good = raw(key.public_key());
  std::string closed;
  {
    const ZapDomain brief(context, {key.public_key()});
    closed = brief.name();
    EXPECT_NE(closed, domain.name());
    EXPECT_EQ(ask(closed, "CURVE", good), "200");
  }
  EXPECT_EQ(ask(closed, "CURVE", good), "400");
  domain.replace({});
  EXPECT_EQ(ask(domain.name(), "CURVE", good), "400");
}

// Nobody answers in this context: the router's domain is refused, not let through.
TEST(ZapMissing, KeepsEverybodyOut) {
  const Context context;
  const auto server_key = SecretKey::make();
  const auto client_key = SecretKey::make();
  SocketOptions options;
  options.key = server_key;
  options.zap_domain = "asyncmachine.1";
  Socket router(context, Socket::Kind::router, options);
  router.bind(Endpoint::parse(any_tcp, Endpoint::Use::bind));

  DealerOptions dealer;
  dealer.endpoint = router.bound_endpoint();
  dealer.reconnect_min = 5ms;
  dealer.reconnect_max = 20ms;
  dealer.key = client_key;
  dealer.server_key = server_key.public_key();
  RunningClient client(dealer);
  client.handler->post("let me in");
  client.start();
  int turned_away = 0;
  EXPECT_TRUE(eventually([&] {
    while (const auto event = router.next_event()) {
      turned_away += event->kind == Socket::Event::Kind::disconnected ? 1 : 0;
    }
    return turned_away >= 3;
  }));
  EXPECT_FALSE(router.readable());
  EXPECT_EQ(client.handler->connected, 0);
}

}  // namespace
}  // namespace am::rpc::internal
