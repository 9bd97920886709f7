#include <am/schema.hpp>

#include <am/error.hpp>

#include <gtest/gtest.h>

#include <string>

namespace {

std::string error_of(const am::Schema& schema) {
  try {
    const am::CompiledSchema compiled(schema);
    return "";
  } catch (const am::Error& e) {
    EXPECT_EQ(e.code(), am::Errc::schema);
    return e.what();
  }
}

TEST(Schema, appends_exception_unless_it_is_declared) {
  const am::CompiledSchema injected(am::Schema{{"A", {}}});
  ASSERT_EQ(injected.size(), 2U);
  EXPECT_EQ(injected.names()[1], "Exception");
  EXPECT_TRUE(injected.state(1).multi);
  const am::CompiledSchema declared(am::Schema{{"Exception", {}}, {"A", {}}});
  EXPECT_EQ(declared.size(), 2U);
  EXPECT_FALSE(declared.state(0).multi);
}

TEST(Schema, refuses_relations_to_states_that_it_does_not_have) {
  EXPECT_EQ(error_of({{"Locked", {.require = {"Close"}}}, {"Closed", {}}}),
            "state \"Locked\" has require \"Close\", which the schema does not have (did you mean "
            "\"Closed\"?)");
  EXPECT_NE(error_of({{"A", {.add = {"Xyz"}}}}), "");
  EXPECT_NE(error_of({{"A", {.remove = {"Xyz"}}}}), "");
  EXPECT_NE(error_of({{"A", {.after = {"Xyz"}}}}), "");
}

TEST(Schema, refuses_a_state_that_requires_what_it_removes) {
  EXPECT_EQ(error_of({{"A", {.require = {"B"}, .remove = {"B"}}}, {"B", {}}}),
            "state \"A\" both requires and removes \"B\"");
}

TEST(Schema, lets_add_beat_remove) {
  const am::CompiledSchema schema(am::Schema{
      {"A", {.require = {"B"}, .add = {"B"}, .remove = {"A", "B"}, .after = {"A"}}}, {"B", {}}});
  EXPECT_TRUE(schema.state(0).remove.empty());
  EXPECT_TRUE(schema.state(0).after.empty());
  EXPECT_EQ(schema.state(0).add.size(), 1U);
}

TEST(Schema, refuses_names_that_are_no_names) {
  EXPECT_EQ(error_of({{"A", {}}, {"A", {}}}), "state \"A\" is declared twice");
  EXPECT_EQ(error_of({{"", {}}}), "a state has an empty name");
  EXPECT_NE(error_of({{"A B", {}}}), "");
  EXPECT_NE(error_of({{"Any", {}}}), "");
  EXPECT_EQ(error_of({{std::string(am::max_state_name, 'x'), {}}}), "");
  EXPECT_NE(error_of({{std::string(am::max_state_name + 1, 'x'), {}}}), "");
}

TEST(Schema, has_at_most_max_states) {
  std::vector<am::Schema::Entry> entries;
  for (std::size_t i = 0; i + 1 < am::max_states; ++i)
    entries.push_back({"S" + std::to_string(i), {}});
  EXPECT_EQ(error_of(am::Schema(entries)), "");
  entries.push_back({"OneMore", {}});
  EXPECT_NE(error_of(am::Schema(entries)), "");
}

TEST(Schema, keeps_require_cycles_legal_and_says_that_they_are_there) {
  const am::CompiledSchema cycle(am::Schema{{"A", {.require = {"B"}}}, {"B", {.require = {"A"}}}});
  EXPECT_TRUE(cycle.has_require_cycle());
  EXPECT_FALSE(
      am::CompiledSchema(am::Schema{{"A", {.require = {"B"}}}, {"B", {}}}).has_require_cycle());
}

TEST(Schema, has_a_fingerprint_that_changes_with_anything_that_matters) {
  const auto print = [](const am::Schema& schema) {
    return am::CompiledSchema(schema).fingerprint();
  };
  const auto base = print({{"A", {}}, {"B", {}}});
  EXPECT_EQ(base, print({{"A", {}}, {"B", {}}}));
  EXPECT_NE(base, print({{"B", {}}, {"A", {}}}));
  EXPECT_NE(base, print({{"A", {.multi = true}}, {"B", {}}}));
  EXPECT_NE(base, print({{"A", {.add = {"B"}}}, {"B", {}}}));
  EXPECT_NE(print({{"A", {.add = {"B"}}}, {"B", {}}}), print({{"A", {.after = {"B"}}}, {"B", {}}}));
}

TEST(Schema, of_a_machine_elsewhere_compiles_to_the_same) {
  const am::CompiledSchema schema(
      am::Schema{{"A", {.add = {"B"}, .remove = {"B", "A"}}}, {"B", {}}});
  EXPECT_EQ(am::CompiledSchema(schema.schema()).fingerprint(), schema.fingerprint());
}

}  // namespace
