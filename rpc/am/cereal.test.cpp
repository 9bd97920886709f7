#include <am/cereal.hpp>

#include <am/error.hpp>
#include <am/rpc/internal/arg_samples.hpp>

#include <gtest/gtest.h>
#include <list>

namespace am::rpc {
namespace {

using samples::Celsius;
using samples::Everything;
using samples::Ping;
using samples::Tooth;
using samples::Tree;

ArgTypes& types() { return ArgTypes::global(); }

// Initialised before main, in whatever order the files of this program have.
const std::vector<std::byte> encoded_before_main = types().encode(Tree{{Tree{}, Tree{}}});

Tree tree_of_depth(int depth) {
  Tree tree;
  for (int i = 0; i < depth; ++i) {
    Tree parent;
    parent.children.push_back(std::move(tree));
    tree = std::move(parent);
  }
  return tree;
}

std::string refusal(const Args& args, const ArgLimits& limits = {}) {
  try {
    types().encode(args, limits);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::invalid_argument);
    return error.what();
  }
  return "";
}

TEST(CerealArgs, ComeBackAsTheyWere) {
  for (const auto& value : {Everything{}, samples::full()}) {
    const auto decoded = types().decode(types().encode(value));
    ASSERT_TRUE(decoded.ok()) << decoded.error;
    ASSERT_NE(decoded.args.get_if<Everything>(), nullptr);
    EXPECT_EQ(*decoded.args.get_if<Everything>(), value);
  }
}

TEST(CerealArgs, MayBeSeveralWithNamedOnesBesides) {
  const auto args = Args{Celsius{21.5}}.with(Ping{}).with("who", std::string{"me"});
  const auto decoded = types().decode(types().encode(args));
  ASSERT_TRUE(decoded.ok()) << decoded.error;
  EXPECT_EQ(decoded.args.typed().size(), 2U);
  EXPECT_EQ(decoded.args.get_if<Celsius>()->degrees, 21.5);
  EXPECT_NE(decoded.args.get_if<Ping>(), nullptr);
  EXPECT_EQ(*decoded.args.get_if("who"), Value{std::string{"me"}});
}

TEST(CerealArgs, AreSmallOnTheWire) {
  // Counts of typed and named, "ping" and its size, the size of nothing.
  EXPECT_EQ(types().encode(Ping{}).size(), 1U + 5U + 1U + 1U);
  // Small numbers take a byte each, whatever their type.
  Everything zero;
  EXPECT_LE(types().encode(zero).size(), 75U);
}

TEST(CerealArgs, AreRegisteredBeforeMain) {
  const auto decoded = types().decode(encoded_before_main);
  ASSERT_TRUE(decoded.ok()) << decoded.error;
  EXPECT_EQ(decoded.args.get_if<Tree>()->children.size(), 2U);
}

TEST(CerealArgs, AreNestedUpToADepth) {
  // Each level is a tree in a vector; the innermost vector has a count.
  const int deepest = (static_cast<int>(ArgLimits{}.depth) - 3) / 2;
  const auto decoded = types().decode(types().encode(tree_of_depth(deepest)));
  ASSERT_TRUE(decoded.ok()) << decoded.error;
  EXPECT_EQ(decoded.args.get_if<Tree>()->depth(), deepest);
  EXPECT_EQ(refusal(tree_of_depth(deepest + 1)), "argument \"tree\" is nested too deeply");
}

TEST(CerealArgs, DoNotOverflowTheStackOfAReader) {
  ArgLimits generous;
  generous.depth = 10'000;
  const auto bytes = types().encode(tree_of_depth(1'000), generous);
  EXPECT_EQ(types().decode(bytes).error, "argument \"tree\" is nested too deeply");
}

struct Hollow {
  std::list<Ping> pings{};
  template <class Archive>
  void serialize(Archive& archive) {
    std::size_t size = pings.size();
    archive(::cereal::make_size_tag(size));
  }
};
}  // namespace
}  // namespace am::rpc

AM_ARGS(am::rpc::Hollow, "hollow")

namespace am::rpc {
namespace {

TEST(CerealArgs, AreRefusedWhenNoReaderWouldBelieveACount) {
  EXPECT_EQ(refusal(Hollow{}), "");
  EXPECT_EQ(
      refusal(Hollow{{{}, {}}}),
      "argument \"hollow\" has a container of elements that take no bytes; give them a member");
}

TEST(CerealArgs, AreRefusedAboveTheLimitOfBytes) {
  Everything large;
  large.text.resize(2'000);
  EXPECT_EQ(refusal(large, {.bytes = 3'000}), "");
  EXPECT_EQ(refusal(large, {.bytes = 1'000}),
            "argument \"everything\" does not fit into 1000 bytes with the other arguments");
}

TEST(CerealArgs, SayWhenAVariantHasNoSuchAlternative) {
  struct Choice {
    std::variant<int, Tooth> value;
  };
  std::vector<std::byte> bytes;
  ArgOutput out(bytes, 100, 10);
  out.signed_number(7);  // an index, then nothing
  ArgInput in(bytes, 10);
  detail::ArgLoad archive(in);
  Choice choice;
  EXPECT_THROW(archive(choice.value), std::exception);
}

TEST(CerealArgs, RefuseNumbersThatTheirTypeCannotHold) {
  std::vector<std::byte> bytes;
  ArgOutput out(bytes, 100, 10);
  out.number(65'536);
  out.signed_number(-32'769);
  ArgInput in(bytes, 10);
  detail::ArgLoad archive(in);
  std::uint16_t port = 0;
  EXPECT_THROW(archive(port), ArgFault);
  ArgInput rest(std::span{bytes}.subspan(3), 10);
  detail::ArgLoad second(rest);
  std::int16_t small = 0;
  EXPECT_THROW(second(small), ArgFault);
}

}  // namespace
}  // namespace am::rpc
