// A log that cannot be written: /dev/full is a file on a disk without room.
#include "process.hpp"

#include <am/rpc/client.hpp>

#include <gtest/gtest.h>

#include <string>

namespace {

using am::Result;
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

}  // namespace
