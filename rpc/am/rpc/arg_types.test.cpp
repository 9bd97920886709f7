#include <am/rpc/arg_types.hpp>

#include <am/error.hpp>
#include <am/rpc/internal/arg_samples.hpp>
#include <am/rpc/internal/heap_use.hpp>

#include <gtest/gtest.h>
#include <atomic>
#include <limits>
#include <random>
#include <thread>

namespace am::rpc {
namespace {

using samples::Everything;

ArgTypes& types() { return ArgTypes::global(); }

struct Stranger {};
struct Other {};

ArgType codec(std::string name, std::type_index type) {
  return {.name = std::move(name),
          .type = type,
          .encode = [](const void*, ArgOutput&) {},
          .decode = [](ArgInput&) -> std::shared_ptr<const void> { return nullptr; }};
}

template <class Call>
std::string refusal(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::invalid_argument);
    return error.what();
  }
  return "";
}

/// Decodes and checks that this took memory in proportion to the input.
DecodedArgs bounded(std::span<const std::byte> bytes) {
  // A map's node for a few bytes of input, twice for growing, and messages.
  const std::size_t most = 200 * bytes.size() + 16'384;
  const testing::HeapUse heap;
  auto decoded = types().decode(bytes);
  EXPECT_LE(heap.taken(), most) << bytes.size() << " bytes";
  return decoded;
}

Args rich() {
  return Args{samples::full()}
      .with(samples::Celsius{1})
      .with("yes", true)
      .with("count", std::int64_t{-5})
      .with("ratio", 0.25)
      .with("who", std::string{"me"});
}

// -- the registry ---------------------------------------------------------------------------------

TEST(ArgTypes, RegisterATypeOnce) {
  ArgTypes registry;
  registry.add(codec("stranger", typeid(Stranger)));
  registry.add(codec("stranger", typeid(Stranger)));
  EXPECT_EQ(registry.name(typeid(Stranger)), "stranger");
  EXPECT_EQ(registry.name(typeid(Other)), "");
  EXPECT_EQ(registry.names(), std::vector<std::string>{"stranger"});
}

TEST(ArgTypes, RefuseANameForTwoTypes) {
  ArgTypes registry;
  registry.add(codec("a", typeid(Stranger)));
  const auto message = refusal([&] { registry.add(codec("a", typeid(Other))); });
  EXPECT_NE(message.find("argument name \"a\" belongs to "), std::string::npos) << message;
  EXPECT_NE(message.find("Stranger"), std::string::npos);
  EXPECT_NE(message.find("Other"), std::string::npos);
  EXPECT_EQ(registry.name(typeid(Other)), "");
}

TEST(ArgTypes, RefuseATypeWithTwoNames) {
  ArgTypes registry;
  registry.add(codec("a", typeid(Stranger)));
  EXPECT_NE(refusal([&] { registry.add(codec("b", typeid(Stranger))); }), "");
  EXPECT_EQ(registry.names(), std::vector<std::string>{"a"});
}

TEST(ArgTypes, RefuseNamesOutsideTheirLimit) {
  ArgTypes registry;
  EXPECT_NE(refusal([&] { registry.add(codec("", typeid(Stranger))); }), "");
  EXPECT_NE(refusal([&] { registry.add(codec(std::string(256, 'n'), typeid(Stranger))); }), "");
  EXPECT_EQ(refusal([&] { registry.add(codec(std::string(255, 'n'), typeid(Stranger))); }), "");
}

TEST(ArgTypes, MayBeUsedWhileOthersRegister) {
  ArgTypes registry;
  std::atomic<bool> done{false};
  std::thread reader([&] {
    while (!done) registry.name(typeid(Stranger));
  });
  registry.add(codec("stranger", typeid(Stranger)));
  registry.add(codec("other", typeid(Other)));
  done = true;
  reader.join();
  EXPECT_EQ(registry.names().size(), 2U);
}

// -- encoding -------------------------------------------------------------------------------------

TEST(ArgTypes, EncodeNoArgumentsAsNoBytes) {
  EXPECT_TRUE(types().encode(Args{}).empty());
  const auto decoded = types().decode({});
  EXPECT_TRUE(decoded.ok());
  EXPECT_TRUE(decoded.args.empty());
}

TEST(ArgTypes, CarryNamedValuesWithoutRegistration) {
  const auto args = Args{}
                        .with("no", false)
                        .with("yes", true)
                        .with("least", std::numeric_limits<std::int64_t>::min())
                        .with("real", -0.0)
                        .with("", std::string{"a text with \0", 13});
  const auto decoded = ArgTypes{}.decode(ArgTypes{}.encode(args));
  ASSERT_TRUE(decoded.ok()) << decoded.error;
  EXPECT_TRUE(std::ranges::equal(decoded.args.named(), args.named()));
}

TEST(ArgTypes, NameTheTypeThatIsNotRegistered) {
  std::vector<std::byte> out{std::byte{1}};
  const auto message =
      refusal([&] { types().encode(Args{samples::Ping{}}.with(Stranger{}), out); });
  EXPECT_NE(message.find("Stranger is not registered, so it cannot be sent; add AM_ARGS("),
            std::string::npos)
      << message;
  EXPECT_EQ(out.size(), 1U) << "nothing is left of arguments that were refused";
}

TEST(ArgTypes, AppendToWhatIsThere) {
  std::vector<std::byte> out(5);
  types().encode(rich(), out);
  EXPECT_TRUE(types().decode(std::span{out}.subspan(5)).ok());
}

TEST(ArgTypes, RefuseMoreThanTheirLimits) {
  const ArgLimits tight{.bytes = 100, .values = 2, .name = 5};
  const auto encode = [&](const Args& args) {
    return refusal([&] { types().encode(args, tight); });
  };
  EXPECT_EQ(encode(Args{}.with("a", true).with("b", true)), "");
  EXPECT_NE(encode(Args{}.with("a", true).with("b", true).with("c", true)), "");
  EXPECT_EQ(encode(Args{}.with("12345", true)), "");
  EXPECT_NE(encode(Args{}.with("123456", true)), "");
  EXPECT_EQ(encode(Args{}.with("a", std::string(94, 't'))), "");
  EXPECT_NE(encode(Args{}.with("a", std::string(95, 't'))), "");
}

TEST(ArgTypes, RefuseToReadMoreThanTheirLimits) {
  const auto three = types().encode(Args{}.with("a", true).with("b", true).with("c", true));
  EXPECT_TRUE(types().decode(three, {.values = 3}).ok());
  EXPECT_FALSE(types().decode(three, {.values = 2}).ok());
  EXPECT_TRUE(types().decode(three, {.bytes = three.size()}).ok());
  EXPECT_FALSE(types().decode(three, {.bytes = three.size() - 1}).ok());
  EXPECT_FALSE(types().decode(three, {.name = 0}).ok());
}

// -- hostile bytes --------------------------------------------------------------------------------

TEST(ArgTypes, RefuseAnUnknownNameAndSayIt) {
  ArgTypes registry;
  registry.add(codec("new\x1b[31mtype", typeid(Stranger)));
  const auto decoded = types().decode(registry.encode(Stranger{}));
  EXPECT_EQ(decoded.error, "argument type \"new?[31mtype\" is not registered here");
  EXPECT_TRUE(decoded.args.empty());
}

TEST(ArgTypes, RefuseBytesThatAreLeftOver) {
  auto bytes = types().encode(samples::Ping{});
  bytes.push_back(std::byte{0});
  EXPECT_EQ(types().decode(bytes).error, "arguments are damaged at frame: trailing bytes");
  // Inside of a value: its size says one byte, its codec wants none.
  bytes = types().encode(samples::Ping{});
  bytes[6] = std::byte{1};
  bytes.insert(bytes.begin() + 7, std::byte{9});
  EXPECT_EQ(types().decode(bytes).error, "argument \"ping\" has 1 bytes left over");
}

TEST(ArgTypes, RefuseTheSameArgumentTwice) {
  const auto once = types().encode(samples::Ping{});
  std::vector<std::byte> twice{std::byte{2}};
  for (int i = 0; i < 2; ++i) twice.insert(twice.end(), once.begin() + 1, once.end() - 1);
  twice.push_back(std::byte{0});
  EXPECT_EQ(types().decode(twice).error, "argument \"ping\" is there twice");
}

TEST(ArgTypes, RefuseBytesThatEndAnywhere) {
  const auto bytes = types().encode(rich());
  ASSERT_TRUE(bounded(bytes).ok());
  for (std::size_t size = 1; size < bytes.size(); ++size) {
    EXPECT_FALSE(bounded(std::span{bytes}.first(size)).ok()) << size;
  }
}

TEST(ArgTypes, SurviveDamageAnywhere) {
  const auto good = types().encode(rich());
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (int value = 0; value < 256; ++value) {
      auto bytes = good;
      bytes[at] = static_cast<std::byte>(value);
      const auto decoded = bounded(bytes);
      // Often another value; then it can be sent on.
      if (decoded.ok()) {
        EXPECT_FALSE(types().encode(decoded.args).empty());
      }
    }
  }
}

TEST(ArgTypes, SurviveRandomBytes) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const auto good = types().encode(rich());
  for (int round = 0; round < 20'000; ++round) {
    std::vector<std::byte> bytes(random() % 200);
    for (auto& byte : bytes) byte = static_cast<std::byte>(random());
    // Half of them with a true beginning, so that the codec is reached.
    if (round % 2 == 0) {
      const auto from = good.begin() + static_cast<std::ptrdiff_t>(random() % good.size());
      bytes.insert(bytes.begin(), good.begin(), from);
    }
    bounded(bytes);
  }
}

TEST(ArgTypes, TakeNoMemoryForAHostileCount) {
  // "tree" with a vector of as many elements as a number can say.
  std::vector<std::byte> bytes = types().encode(samples::Tree{});
  const std::size_t size_at = 1 + 5;
  ASSERT_EQ(bytes[size_at], std::byte{1});
  bytes.resize(size_at);
  bytes.push_back(std::byte{10});
  for (int i = 0; i < 9; ++i) bytes.push_back(std::byte{0xff});
  bytes.push_back(std::byte{1});
  bytes.push_back(std::byte{0});
  EXPECT_EQ(bounded(bytes).error, "argument \"tree\" is damaged: above its limit");
}

}  // namespace
}  // namespace am::rpc
