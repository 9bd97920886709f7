#include <am/rpc/internal/sync_choice.hpp>

#include <gtest/gtest.h>

#include <array>
#include <string_view>

namespace am::rpc::internal {
namespace {

constexpr std::array<std::string_view, 4> names{"A", "B", "C", "Exception"};

Bytes encoded(const SyncOptions& choice) {
  Bytes bytes;
  Writer writer{bytes};
  write_choice(writer, choice);
  return bytes;
}

SyncOptions decoded(const Bytes& bytes) {
  Reader reader{bytes};
  SyncOptions choice;
  EXPECT_TRUE(read_choice(reader, Limits{}, choice));
  EXPECT_TRUE(reader.finish());
  return choice;
}

Fault fault_of(std::initializer_list<int> values) {
  Bytes bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  Reader reader{bytes};
  SyncOptions choice;
  if (read_choice(reader, Limits{}, choice)) reader.finish();
  return reader.fault();
}

// T-14: no list and an empty one are different wishes.
TEST(SyncChoice, AbsentAndEmptyListsStayDifferent) {
  for (const SyncOptions& choice : {SyncOptions{}, SyncOptions{.states = {{}}},
                                    SyncOptions{.states = {{"A", "B"}}, .skip = {"B"}},
                                    SyncOptions{.shallow = true, .schema = false}}) {
    EXPECT_EQ(decoded(encoded(choice)), choice);
  }
  EXPECT_NE(encoded({}), encoded({.states = {{}}}));
}

TEST(SyncChoice, EveryPrefixAndUnknownFlagIsRefused) {
  const auto bytes = encoded({.states = {{"A", "B"}}, .skip = {"B"}});
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    Reader reader{ByteView{bytes}.first(size)};
    SyncOptions choice;
    EXPECT_FALSE(read_choice(reader, Limits{}, choice));
    EXPECT_EQ(choice, SyncOptions{});
  }
  EXPECT_EQ(fault_of({0x80}), Fault::value);
  EXPECT_EQ(fault_of({0x08, 0}), Fault::value);  // a skip list is never empty
  EXPECT_EQ(fault_of({0x04, 0xFF, 0xFF, 0x03}), Fault::limit);
}

TEST(SyncChoice, ComesToTheStatesThatAreWanted) {
  const auto tracked = [](const SyncOptions& choice) {
    const auto resolved = resolve(choice, names);
    EXPECT_EQ(resolved.error, "");
    std::string text;
    for (StateIndex i = 0; i < names.size(); ++i) {
      if (resolved.filter->tracks(i)) text += names[i].front();
    }
    return text;
  };
  EXPECT_EQ(tracked({}), "ABCE");
  EXPECT_EQ(tracked({.states = {{}}}), "");
  EXPECT_EQ(tracked({.states = {{"C", "A"}}}), "AC");
  EXPECT_EQ(tracked({.skip = {"C", "Exception"}}), "AB");
  EXPECT_EQ(tracked({.states = {{"A", "B"}}, .skip = {"A"}}), "B");  // skipping wins
}

TEST(SyncChoice, NamesTheStateThatTheMachineDoesNotHave) {
  EXPECT_EQ(resolve({.states = {{"A", "X"}}}, names).error,
            "the machine has no state \"X\" to follow");
  EXPECT_EQ(resolve({.skip = {"Y"}}, names).error, "the machine has no state \"Y\" to skip");
}

TEST(SyncChoice, NamesOfTrackedStatesComeBackWithTheirPlaces) {
  const auto resolved = resolve({.skip = {"B"}}, names);
  Bytes bytes;
  Writer writer{bytes};
  write_names(writer, *resolved.filter, names);
  Reader reader{bytes};
  std::size_t states = 0;
  std::vector<NamedState> read;
  ASSERT_TRUE(read_names(reader, Limits{}, states, read));
  EXPECT_TRUE(reader.finish());
  EXPECT_EQ(states, 4U);
  EXPECT_EQ(read, (std::vector<NamedState>{{0, "A"}, {2, "C"}, {3, "Exception"}}));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    Reader cut{ByteView{bytes}.first(size)};
    EXPECT_FALSE(read_names(cut, Limits{}, states, read));
  }
}

}  // namespace
}  // namespace am::rpc::internal
