#include <am/schema.hpp>

#include <am/error.hpp>

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

namespace {

using am::CompiledSchema;
using am::Relation;
using am::Schema;
using Relations = std::vector<Relation>;

std::string error_of(const std::function<void()>& call) {
  try {
    call();
    return "";
  } catch (const am::Error& e) {
    return e.what();
  }
}

std::vector<std::string> notes_of(const Schema& schema) {
  std::vector<std::string> texts;
  for (const auto& note : CompiledSchema(schema).notes()) texts.push_back(note.text);
  return texts;
}

TEST(Relations, OfAStateAreListedByKind) {
  const CompiledSchema schema(Schema{{"A", {.automatic = true, .require = {"B"}, .add = {"B"}}},
                                     {"B", {.remove = {"A"}, .after = {"A"}}}});
  EXPECT_EQ(schema.relations_of("A"), (Relations{Relation::add, Relation::require}));
  EXPECT_EQ(schema.relations_of("B"), (Relations{Relation::remove, Relation::after}));
  EXPECT_TRUE(schema.relations_of("Exception").empty());
}

TEST(Relations, BetweenTwoStatesAreThoseOfTheFirst) {
  const CompiledSchema schema(Schema{{"A", {.add = {"B", "C"}, .after = {"B"}}},
                                     {"B", {.add = {"A"}, .remove = {"C"}}},
                                     {"C", {.after = {"D"}}},
                                     {"D", {.require = {"A"}}}});
  EXPECT_EQ(schema.relations_between("A", "B"), (Relations{Relation::add, Relation::after}));
  EXPECT_EQ(schema.relations_between("B", "C"), Relations{Relation::remove});
  EXPECT_EQ(schema.relations_between("C", "D"), Relations{Relation::after});
  EXPECT_EQ(schema.relations_between("D", "A"), Relations{Relation::require});
  EXPECT_TRUE(schema.relations_between("A", "D").empty());
}

TEST(Relations, ToAStateNameThoseThatHaveThem) {
  const CompiledSchema schema(Schema{
      {"A", {.add = {"C"}, .after = {"C"}}}, {"B", {.require = {"C"}}}, {"C", {.add = {"C"}}}});
  EXPECT_EQ(schema.inbound_relations_of("C"),
            (std::vector<am::InboundRelation>{
                {0, Relation::add}, {0, Relation::after}, {1, Relation::require}}));
}

TEST(Relations, OfAStateThatThereIsNotThrowWithASuggestion) {
  const CompiledSchema schema(Schema{{"Closed"}, {"Open"}});
  const auto text = "no state \"Close\" (did you mean \"Closed\"?)";
  EXPECT_EQ(error_of([&] { (void)schema.relations_of("Close"); }), text);
  EXPECT_EQ(error_of([&] { (void)schema.relations_between("Close", "Open"); }), text);
  EXPECT_EQ(error_of([&] { (void)schema.relations_between("Open", "Close"); }), text);
  EXPECT_EQ(error_of([&] { (void)schema.inbound_relations_of("Close"); }), text);
}

TEST(DroppedNames, AreListed) {
  const CompiledSchema schema(
      Schema{{"A", {.add = {"C"}, .remove = {"A", "B", "C"}, .after = {"A"}}}, {"B"}, {"C"}});
  EXPECT_EQ(std::vector(schema.dropped().begin(), schema.dropped().end()),
            (std::vector<am::DroppedName>{{"A", Relation::remove, "A"},
                                          {"A", Relation::remove, "C"},
                                          {"A", Relation::after, "A"}}));
  EXPECT_EQ(schema.state(0).remove, std::vector<am::StateName>{"B"});
}

TEST(Notes, NameWhatWasDroppedAndWhy) {
  EXPECT_EQ(
      notes_of({{"A", {.add = {"C"}, .remove = {"A", "C"}}}, {"C"}}),
      (std::vector<std::string>{R"(state "A" has remove "A", which is the state itself: left out)",
                                R"(state "A" has remove "C", which it adds as well: left out)"}));
}

TEST(Notes, TellOfARequireCycle) {
  const auto notes = notes_of({{"A", {.require = {"B"}}}, {"B", {.require = {"A"}}}});
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_TRUE(notes.front().starts_with("require has a cycle"));
}

TEST(Notes, TellOfHandlerNamesThatCanBeReadInTwoWays) {
  EXPECT_EQ(notes_of({{"A"}, {"AB"}, {"BEnter"}}),
            std::vector<std::string>{R"(handler "ABEnter" can be read as "A" + "BEnter" or "AB" + )"
                                     R"("Enter": bind it by state)"});
  EXPECT_EQ(notes_of({{"A"}, {"ABack"}, {"BackEnd"}, {"End"}}).size(), 2U);
  EXPECT_TRUE(notes_of({{"A"}, {"BackEnd"}, {"Start"}, {"Started"}}).empty());
}

TEST(Notes, TellOfAStateThatIsNamedAsASuffix) {
  const auto notes = notes_of({{"State"}});
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_TRUE(notes.front().starts_with("state \"State\" is named as the end of handlers"));
}

TEST(Groups, AreKeptByIndexInTheirOrder) {
  const CompiledSchema schema(
      Schema{{"A"}, {"B"}, {"C"}}.group("Late", {"C", "B"}).group("Early", {"A"}));
  ASSERT_EQ(schema.groups().size(), 2U);
  EXPECT_EQ(schema.groups()[0], (am::CompiledGroup{"Late", {2, 1}}));
  EXPECT_EQ(schema.groups()[1], (am::CompiledGroup{"Early", {0}}));
  EXPECT_EQ(schema.group("Late").front(), 2);
  EXPECT_EQ(error_of([&] { (void)schema.group("late"); }),
            "the schema has no group \"late\" (did you mean \"Late\"?)");
}

TEST(Groups, WithAStateThatThereIsNotAreRefused) {
  EXPECT_EQ(error_of([] { CompiledSchema(Schema{{"Open"}}.group("G", {"Opn"})); }),
            "group \"G\" has \"Opn\", which the schema does not have (did you mean \"Open\"?)");
}

TEST(Groups, DoNotChangeTheFingerprint) {
  EXPECT_EQ(CompiledSchema(Schema{{"A"}}).fingerprint(),
            CompiledSchema(Schema{{"A"}}.group("G", {"A"})).fingerprint());
}

}  // namespace
