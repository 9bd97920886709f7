// A log that cannot be written: /dev/full is a file on a disk without room.
#include "process.hpp"

#include <am/rpc/client.hpp>
#include <am/rpc/internal/transport/raw_socket_test.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>

namespace {

using am::Result;
using am::rpc::internal::testing::short_frame;
using am::rpc::internal::testing::ZmtpSocket;
using system_test::patience;
using system_test::Source;

TEST(FullDisk, stops_no_machine_and_is_told_once) {
  Source source{{"--idle", "--log"}, {.heard = STDERR_FILENO, .output = "/dev/full"}};
  am::rpc::Client client{{.endpoint = source.endpoint, .call_timeout = patience}};
  auto remote = client.attach({.timeout = patience});
  ASSERT_TRUE(remote);
  // Each is a line of the log, and they fill its buffer many times.
  for (int i = 0; i < 5000; ++i) ASSERT_EQ(remote->toggle("Light"), Result::executed) << i;
  const auto told = source.process.ask("knocks");
  EXPECT_NE(told.find("log"), std::string::npos) << told;
  EXPECT_NE(told.find("No space left on device"), std::string::npos) << told;
  EXPECT_EQ(source.process.read_line(), "0") << "told once, then the answer";
}

TEST(FullDisk, of_a_sink_that_throws_stops_neither_machine_nor_server) {
  Source source{{"--idle", "--log-throws"}, {.heard = STDERR_FILENO}};
  am::rpc::Client client{{.endpoint = source.endpoint, .call_timeout = patience}};
  auto remote = client.attach({.timeout = patience});
  ASSERT_TRUE(remote);
  ASSERT_EQ(remote->add("Light"), Result::executed);  // a line of the machine
  const auto told = source.process.read_line();
  EXPECT_NE(told.find("lines of a log are lost"), std::string::npos) << told;
  const ZmtpSocket stranger(source.endpoint);
  ASSERT_TRUE(stranger.ready());
  stranger.write(short_frame("\xff\xff\xff\xff"));  // a line of the server, on its I/O thread
  const auto limit = std::chrono::steady_clock::now() + patience;
  while (source.process.ask("stray") != "1") {
    ASSERT_LT(std::chrono::steady_clock::now(), limit);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(remote->remove("Light"), Result::executed);
}

}  // namespace
