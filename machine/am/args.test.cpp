#include <am/args.hpp>

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

namespace {

using am::Args;
using am::Value;

TEST(Args, TakeIntegersOfAnyTypeByName) {
  const auto args = Args()
                        .with("size", std::size_t{7})
                        .with("byte", std::uint8_t{255})
                        .with("low", static_cast<signed char>(-1))
                        .with("whole", 5)
                        .with("long", -6LL)
                        .with("letter", 'a');
  EXPECT_EQ(*args.get_if("size"), Value(std::int64_t{7}));
  EXPECT_EQ(*args.get_if("byte"), Value(std::int64_t{255}));
  EXPECT_EQ(*args.get_if("low"), Value(std::int64_t{-1}));
  EXPECT_EQ(*args.get_if("whole"), Value(std::int64_t{5}));
  EXPECT_EQ(*args.get_if("long"), Value(std::int64_t{-6}));
  EXPECT_EQ(*args.get_if("letter"), Value(std::int64_t{'a'}));
}

TEST(Args, TakeOtherValuesByNameAsTheyAre) {
  const auto args = Args().with("yes", true).with("half", 0.5).with("text", "five");
  EXPECT_EQ(*args.get_if("yes"), Value(true));
  EXPECT_EQ(*args.get_if("half"), Value(0.5));
  EXPECT_EQ(*args.get_if("text"), Value(std::string("five")));
}

TEST(Args, RefuseIntegersThatDoNotFit) {
  constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(*Args().with("n", most).get_if("n"), Value(std::numeric_limits<std::int64_t>::max()));
  try {
    static_cast<void>(Args().with("n", most + 1));
    FAIL() << "was taken";
  } catch (const am::Error& error) {
    EXPECT_EQ(error.code(), am::Errc::invalid_argument);
    EXPECT_NE(std::string(error.what()).find("\"n\""), std::string::npos);
  }
}

}  // namespace
