#include <am/states.hpp>

#include <am/error.hpp>
#include <am/machine.hpp>

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

AM_STATES(Base, Start, Ready)
AM_STATES_SCHEMA(Base, {{Ready, {.require = {Start}}}})

AM_STATES_EXTENDING(Worker, (Base), Loading, Working)
AM_STATES_SCHEMA(Worker, {{Working, {.require = {Ready}, .remove = {Loading}}}})

AM_STATES_EXTENDING(Watched, Base, Watching, Start)
AM_STATES_SCHEMA(Watched, {{Ready, {.multi = true}}})

namespace house {
AM_STATES_EXTENDING(Both, (::Worker, Watched), Own)
AM_STATES_EXTENDING(Union, (Watched, Base))
}  // namespace house

namespace {

AM_STATES(Link, Up, Down)
AM_STATES_SCHEMA(Link, am::exclusive("Direction", {Up, Down}))
AM_STATES_EXTENDING(Phone, (Link), Ringing)

using Names = std::vector<std::string_view>;

Names names_of(const am::StateSet& set) { return {set.names.begin(), set.names.end()}; }

static_assert(Worker::size == 4);
static_assert(Worker::Working.index() == 3);
static_assert(Worker::Start.set() == &Worker::set);
static_assert(Worker::ids[0] == Worker::Start);
static_assert(house::Both::Start.set() == &house::Both::set);

TEST(ASetThatExtendsAnother, HasItsNamesFirst) {
  EXPECT_EQ(Worker::set.name, "Worker");
  EXPECT_EQ(names_of(Worker::set), (Names{"Start", "Ready", "Loading", "Working"}));
}

TEST(ASetThatExtendsAnother, TakesEachNameOnce) {
  EXPECT_EQ(names_of(Watched::set), (Names{"Start", "Ready", "Watching"}));
  EXPECT_EQ(Watched::Start.index(), 0) << "an own name that is there already is where it was";
  EXPECT_EQ(names_of(house::Both::set),
            (Names{"Start", "Ready", "Loading", "Working", "Watching", "Own"}));
  EXPECT_EQ(names_of(house::Union::set), (Names{"Start", "Ready", "Watching"}));
}

TEST(ASetThatExtendsAnother, HasItsDefinitionsUnlessItHasItsOwn) {
  const auto schema = Worker::schema({{Worker::Loading, {.require = {Worker::Start}}}});
  EXPECT_EQ(schema, (am::Schema{{"Start"},
                                {"Ready", {.require = {"Start"}}},
                                {"Loading", {.require = {"Start"}}},
                                {"Working", {.require = {"Ready"}, .remove = {"Loading"}}}}));
  EXPECT_EQ(*Watched::schema().find("Ready"), am::State{.multi = true});
  EXPECT_EQ(*Watched::schema({{"Ready", {}}}).find("Ready"), am::State{});
  // Worker does not define Ready, Watched does; Base, which both extend, does not get in between.
  EXPECT_EQ(*house::Both::schema().find("Ready"), am::State{.multi = true});
  EXPECT_EQ(*house::Both::schema().find("Working"), *Worker::schema().find("Working"));
}

TEST(ASetThatExtendsAnother, RefusesDefinitionsOfStatesThatItDoesNotHave) {
  EXPECT_THROW((void)Worker::schema({{"Watching", {}}}), am::Error);
}

TEST(ASetThatExtendsAnother, SharesItsIdsWithMachinesOfTheOther) {
  am::Machine worker{Worker::schema()};
  EXPECT_EQ(worker.add({Base::Start, Worker::Ready}), am::Result::executed);
  EXPECT_TRUE(worker.is({Worker::Start, Base::Ready}));
  am::Machine both{house::Both::schema()};
  both.add({Worker::Start, Watched::Watching});
  EXPECT_TRUE(both.is({house::Both::Start, house::Both::Watching, Base::Start}));
}

TEST(ASetThatExtendsAnother, BringsItsGroups) {
  const am::CompiledSchema phone(Phone::schema());
  ASSERT_EQ(phone.groups().size(), 3U);
  EXPECT_EQ(phone.groups()[0], (am::CompiledGroup{"Direction", {0, 1}}));
  EXPECT_EQ(phone.groups()[1], (am::CompiledGroup{"self", {2}}));
  EXPECT_EQ(phone.groups()[2], (am::CompiledGroup{"Link", {0, 1}}));
  EXPECT_TRUE(am::CompiledSchema(Base::schema()).groups().empty());
}

TEST(ASetThatExtendsAnother, GroupsWhatEachSetBroughtOutermostFirst) {
  const am::CompiledSchema both(house::Both::schema());
  std::vector<am::CompiledGroup> groups(both.groups().begin(), both.groups().end());
  EXPECT_EQ(groups, (std::vector<am::CompiledGroup>{
                        {"self", {5}}, {"Worker", {2, 3}}, {"Base", {0, 1}}, {"Watched", {4}}}));
}

TEST(FirstActive, IsTheFirstOfTheListThatIsActive) {
  am::Machine phone{Phone::schema()};
  const auto direction = phone.schema().group("Direction");
  EXPECT_FALSE(phone.first_active(direction).valid());
  phone.add({Phone::Down, Phone::Ringing});
  EXPECT_EQ(phone.first_active(direction), Phone::Down);
  EXPECT_EQ(phone.first_active({Phone::Ringing, Phone::Down}), Phone::Ringing);
  EXPECT_EQ(phone.first_active({"Up", "Exception"}), am::StateId{});
  EXPECT_THROW((void)phone.first_active({"Nope"}), am::Error);
}

TEST(Verify, NamesTheFirstStateThatIsMissing) {
  am::Machine machine{{{"Start"}, {"Redy"}}};
  EXPECT_FALSE(am::implements(machine.schema(), Base::set));
  try {
    am::verify(machine, Base::set);
    FAIL();
  } catch (const am::Error& e) {
    EXPECT_STREQ(e.what(),
                 "the schema has no state \"Ready\", which the set Base needs (did you mean "
                 "\"Redy\"?)");
  }
  am::Machine worker{Worker::schema()};
  am::verify(worker, Base::set);
  am::verify(worker.schema(), Worker::set);
  EXPECT_TRUE(am::implements(worker.schema(), Base::set));
}

struct Handlers {
  int started = 0;
  void StartState(am::Event&) { ++started; }
  bool StartLoading(am::Event&) { return false; }
  AM_HANDLERS(Worker, StartState, StartLoading)
};

TEST(Handlers, OfASetThatExtendsAnotherNameTheStatesOfBoth) {
  am::Machine worker{Worker::schema()};
  auto handlers = std::make_shared<Handlers>();
  worker.bind(handlers);
  worker.add(Worker::Start);
  EXPECT_EQ(handlers->started, 1);
  EXPECT_EQ(worker.add(Worker::Loading), am::Result::canceled);
}

}  // namespace
