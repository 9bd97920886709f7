#include <am/helpers/mirror.hpp>

#include <gtest/gtest.h>

#include <optional>

namespace {

am::Schema door() {
  return {{"Closed", {.remove = {"Open"}}},
          {"Open", {.remove = {"Closed"}}},
          {"Lit", {.automatic = true, .require = {"Open"}}},
          {"Rung", {.multi = true}}};
}

TEST(Mirror, follows_all_states_without_their_relations) {
  am::Machine source{door()};
  source.add("Closed");
  am::Mirror mirror{source, {.id = "mirror"}};
  EXPECT_EQ(mirror.machine().id(), "mirror");
  EXPECT_TRUE(mirror.machine().is("Closed"));
  source.add({"Open", "Rung"});
  source.add("Rung");
  EXPECT_TRUE(mirror.machine().is({"Open", "Lit", "Rung"}));
  EXPECT_FALSE(mirror.machine().is("Closed"));
  EXPECT_EQ(mirror.machine().tick("Rung"), source.tick("Rung"));
  mirror.machine().add("Closed");
  EXPECT_TRUE(mirror.machine().is({"Closed", "Open"})) << "no relations";
}

TEST(Mirror, shows_a_part) {
  am::Machine source{door()};
  am::Mirror mirror{source, {.states = {"Lit"}}};
  source.add("Open");
  EXPECT_TRUE(mirror.machine().is("Lit"));
  EXPECT_THROW(mirror.machine().is("Open"), am::Error);
  EXPECT_THROW(am::mirror_schema(source.schema(), {"Nope"}), am::Error);
}

TEST(Mirror, shows_errors_and_outlives_its_source) {
  std::optional<am::Machine> source(door());
  am::Mirror mirror{*source};
  source->add_error({.message = "jammed"});
  EXPECT_TRUE(mirror.machine().is("Exception"));
  EXPECT_EQ(mirror.machine().last_error()->message, "jammed");
  source.reset();
  EXPECT_FALSE(mirror.active());
  EXPECT_TRUE(mirror.machine().is("Exception"));
}

TEST(Mirror, shows_no_exception_that_the_source_does_not_have) {
  am::Machine source{{{"ErrDoor", {}}}};
  am::Mirror mirror{source};
  am::Mirror part{source, {.states = {"ErrDoor"}}};
  source.add("ErrDoor");
  EXPECT_TRUE(mirror.machine().is("ErrDoor"));
  EXPECT_TRUE(part.machine().is("ErrDoor"));
  EXPECT_FALSE(mirror.machine().is("Exception"));
  EXPECT_FALSE(part.machine().is("Exception"));
  source.add_error({.message = "jammed"});
  EXPECT_TRUE(mirror.machine().is("Exception"));
  source.remove("Exception");
  EXPECT_FALSE(mirror.machine().is("Exception"));
}

}  // namespace
