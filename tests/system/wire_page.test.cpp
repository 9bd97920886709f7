// docs/wire.md shows what is really said: its capture, byte by byte, against one taken now.
#include "capture.hpp"

#include <am/machine.hpp>
#include <am/rpc/client.hpp>
#include <am/rpc/server.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <charconv>
#include <fstream>
#include <sstream>
#include <vector>

namespace {

using namespace std::chrono_literals;

constexpr auto patience = 30s;

/// One side's bytes as the page has them; -1 for those that differ each time, written `__`.
using Shown = std::vector<int>;

/// Adds the bytes of a table's cell: `01 02`, `__`, and `31 x 00` for 31 of them.
void add_bytes(const std::string& cell, Shown& to) {
  std::istringstream words(cell);
  std::size_t times = 1;
  for (std::string word; words >> word;) {
    if (word == "x") {
      times = static_cast<std::size_t>(std::stoul(fmt::format("{:02x}", to.back())));
      to.pop_back();
      continue;
    }
    to.insert(to.end(), std::exchange(times, 1), word == "__" ? -1 : std::stoi(word, nullptr, 16));
  }
}

/// The bytes of the rows that start with `side`, under the heading of the capture.
Shown shown(std::string_view side) {
  std::ifstream page(WIRE_PAGE);
  Shown bytes;
  bool there = false;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("## ")) there = line == "## A capture";
    if (!there || !line.starts_with(fmt::format("| {} | `", side))) continue;
    const auto begin = line.find('`') + 1;
    add_bytes(line.substr(begin, line.find('`', begin) - begin), bytes);
  }
  return bytes;
}

std::string hex(std::string_view bytes) {
  std::string text;
  for (const auto byte : bytes) text += fmt::format("{:02X} ", static_cast<unsigned char>(byte));
  return text;
}

void expect_shown(std::string_view side, std::string_view said) {
  const auto page = shown(side);
  ASSERT_FALSE(page.empty()) << "docs/wire.md has no capture of the " << side << ", who said\n"
                             << hex(said);
  for (std::size_t i = 0; i < std::min(page.size(), said.size()); ++i) {
    if (page[i] < 0) continue;
    ASSERT_EQ(page[i], static_cast<unsigned char>(said[i]))
        << "byte " << i << " of the " << side << "; it said\n"
        << hex(said);
  }
  EXPECT_EQ(page.size(), said.size()) << "the " << side << " said\n" << hex(said);
}

TEST(WirePage, shows_a_connection_a_mutation_and_a_push_as_they_are) {
  am::Machine door{{{"Closed", {.remove = {"Open"}}}, {"Open", {.remove = {"Closed"}}}},
                   {.id = "door"}};
  door.add("Closed");
  am::rpc::Server server{door};
  const auto& endpoint = server.endpoint();
  const auto port = std::stoul(endpoint.substr(endpoint.rfind(':') + 1));
  system_test::Capture capture{static_cast<std::uint16_t>(port)};
  {
    am::rpc::Client client{{.endpoint = capture.endpoint(), .id = "c1"}};
    auto remote = client.attach({.timeout = patience});
    ASSERT_TRUE(remote) << remote.error().message;
    ASSERT_EQ(remote->add("Open"), am::Result::executed);
    door.remove("Open");
    ASSERT_EQ(remote->when_not("Open").wait_for(patience), am::Ended::fired);
  }
  capture.finish();
  expect_shown("client", capture.from_client());
  expect_shown("server", capture.from_server());
}

}  // namespace
