#include <am/version.hpp>

#include <gtest/gtest.h>

TEST(Version, IsTheVersionOfTheProject) { EXPECT_EQ(am::version(), "0.1.0"); }
