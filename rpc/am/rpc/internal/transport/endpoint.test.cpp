#include <am/rpc/internal/transport/endpoint.hpp>

#include <am/error.hpp>

#include <gtest/gtest.h>

namespace am::rpc::internal {
namespace {

constexpr auto for_bind = Endpoint::Use::bind;
constexpr auto for_connect = Endpoint::Use::connect;

std::string refusal(std::string_view text, Endpoint::Use use) {
  try {
    Endpoint::parse(text, use);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::invalid_argument);
    return error.what();
  }
  return "";
}

TEST(Endpoint, TakesTheThreeSchemes) {
  EXPECT_EQ(Endpoint::parse("tcp://127.0.0.1:4000", for_connect).kind, Endpoint::Kind::tcp);
  EXPECT_EQ(Endpoint::parse("tcp://db-1.example.org:4000", for_connect).address,
            "db-1.example.org:4000");
  EXPECT_EQ(Endpoint::parse("ipc:///run/x.sock", for_bind).kind, Endpoint::Kind::ipc);
  EXPECT_EQ(Endpoint::parse("ipc://@abstract", for_bind).kind, Endpoint::Kind::ipc);
  EXPECT_EQ(Endpoint::parse("inproc://a", for_bind).kind, Endpoint::Kind::inproc);
}

TEST(Endpoint, KnowsIpv6ByItsBrackets) {
  EXPECT_TRUE(Endpoint::parse("tcp://[::1]:4000", for_connect).ipv6);
  EXPECT_FALSE(Endpoint::parse("tcp://127.0.0.1:4000", for_connect).ipv6);
}

TEST(Endpoint, TakesWildcardsOnlyForBinding) {
  for (const auto* text : {"tcp://*:4000", "tcp://127.0.0.1:0", "tcp://127.0.0.1:*", "ipc://*"}) {
    EXPECT_EQ(refusal(text, for_bind), "");
  }
  for (const auto* text : {"tcp://*:4000", "tcp://127.0.0.1:0", "tcp://127.0.0.1:*", "ipc://*"}) {
    EXPECT_NE(refusal(text, for_connect), "") << text;
  }
}

TEST(Endpoint, RefusesWhatIsNoEndpoint) {
  for (const auto* text : {"",
                           "tcp",
                           "tcp://",
                           "tcp://host",
                           "tcp://:4000",
                           "tcp://host:",
                           "tcp://host:65536",
                           "tcp://host:-1",
                           "tcp://host:4000x",
                           "tcp://host:+1",
                           "tcp://a b:1",
                           "tcp://a;b:1",
                           "tcp://[::1:4000",
                           "tcp://[]:4000",
                           "tcp://::1:4000",
                           "ipc://",
                           "ipc://@",
                           "inproc://",
                           "udp://127.0.0.1:4000",
                           "TCP://127.0.0.1:4000",
                           "://x"}) {
    EXPECT_NE(refusal(text, for_bind), "") << text;
  }
  EXPECT_NE(refusal(std::string_view{"ipc:///a\0b", 10}, for_bind), "");
}

TEST(Endpoint, RefusesPathsAndNamesBeyondTheirLimits) {
  EXPECT_EQ(refusal("ipc://" + std::string(max_ipc_path, 'p'), for_bind), "");
  EXPECT_NE(refusal("ipc://" + std::string(max_ipc_path + 1, 'p'), for_bind), "");
  EXPECT_EQ(refusal("inproc://" + std::string(max_inproc_name, 'n'), for_bind), "");
  EXPECT_NE(refusal("inproc://" + std::string(max_inproc_name + 1, 'n'), for_bind), "");
}

TEST(Endpoint, SaysWhatIsWrongAndWhatToDo) {
  EXPECT_EQ(refusal("udp://h:1", for_bind),
            "endpoint \"udp://h:1\" has an unknown scheme; use tcp://HOST:PORT, ipc://PATH or "
            "inproc://NAME");
  EXPECT_EQ(
      refusal("tcp://h:0", for_connect),
      "endpoint \"tcp://h:0\" has port 0, which is for binding only; connect to the effective "
      "endpoint");
}

}  // namespace
}  // namespace am::rpc::internal
