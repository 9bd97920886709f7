#include <am/handlers.hpp>

#include <am/machine.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

AM_STATES(Door, Closed, Open, Locked)

using Log = std::vector<std::string>;

/// Succeeds when `call` throws an `am::Error` whose message contains `text`.
template <class Call>
testing::AssertionResult throws(std::string_view text, Call call) {
  try {
    call();
  } catch (const am::Error& error) {
    if (std::string_view(error.what()).find(text) != std::string_view::npos) {
      return testing::AssertionSuccess();
    }
    return testing::AssertionFailure() << "the message is: " << error.what();
  }
  return testing::AssertionFailure() << "nothing was thrown";
}

am::Machine make_door() {
  return am::Machine{Door::schema({
      {Door::Closed, {.multi = true, .remove = {Door::Open}}},
      {Door::Open, {.remove = {Door::Closed}}},
      {Door::Locked, {.require = {Door::Closed}}},
  })};
}

/// One method of every kind; each writes its name down.
struct Every {
  std::shared_ptr<Log> log = std::make_shared<Log>();

  bool ClosedExit(am::Event& e) { return note(e); }
  bool OpenEnter(am::Event& e) { return note(e); }
  bool ClosedClosed(am::Event& e) { return note(e); }
  bool ClosedOpen(am::Event& e) { return note(e); }
  bool AnyEnter(am::Event& e) { return note(e); }
  void ClosedEnd(am::Event& e) { note(e); }
  void OpenState(am::Event& e) { note(e); }
  void AnyState(am::Event& e) { note(e); }

  AM_HANDLERS(Door, ClosedExit, OpenEnter, ClosedClosed, ClosedOpen, AnyEnter, ClosedEnd, OpenState,
              AnyState)

 private:
  bool note(const am::Event& e) {
    log->push_back(e.name());
    return true;
  }
};

TEST(BoundHandlers, OfEveryKindRunInTheOrderOfATransition) {
  auto door = make_door();
  const Every handlers;
  door.add(Door::Closed);
  door.bind(handlers);
  door.add(Door::Open);
  EXPECT_EQ(*handlers.log, (Log{"ClosedExit", "OpenEnter", "ClosedOpen", "AnyEnter", "ClosedEnd",
                                "OpenState", "AnyState"}));
}

TEST(BoundHandlers, AreAskedWhenAMultiStateStays) {
  auto door = make_door();
  const Every handlers;
  door.add(Door::Closed);
  door.bind(handlers);
  door.add(Door::Closed);
  EXPECT_EQ(std::ranges::count(*handlers.log, "ClosedClosed"), 1);
}

struct Refusing {
  bool OpenEnter(am::Event&) { return false; }
  bool OpenState(am::Event&) { return false; }
  bool ClosedState(am::Event&) { return false; }
  AM_HANDLERS(Door, OpenEnter, OpenState, ClosedState)
};

TEST(BoundHandlers, RefuseWhenANegotiationReturnsFalse) {
  auto door = make_door();
  door.bind(Refusing{});
  const auto result = door.add(Door::Open);
  EXPECT_EQ(result, am::Result::canceled);
  EXPECT_EQ(result.reason(), am::Reason::handler);
  EXPECT_FALSE(door.is(Door::Open));
}

TEST(BoundHandlers, CannotRefuseOnceTheStateIsActive) {
  auto door = make_door();
  door.bind(Refusing{});
  EXPECT_EQ(door.add(Door::Closed), am::Result::executed);
  EXPECT_TRUE(door.is(Door::Closed));
}

struct VoidNegotiation {
  void OpenEnter(am::Event&) {}
  AM_HANDLERS(Door, OpenEnter)
};

TEST(BoundHandlers, AcceptWhenANegotiationReturnsNothing) {
  auto door = make_door();
  door.bind(VoidNegotiation{});
  EXPECT_EQ(door.add(Door::Open), am::Result::executed);
}

/// Methods of all the forms that a handler may have.
class Forms {
 public:
  explicit Forms(Log& log) : log_(&log) {}

  bool OpenEnter(am::Event&) const noexcept { return true; }
  void OpenState(am::Event&) const { log_->push_back("const"); }
  void OpenState(int) { log_->push_back("an overload that is not a handler"); }
  static bool ClosedEnter(am::Event&) { return true; }
  void LockedState(const am::Event&) { log_->push_back("const event"); }

  AM_HANDLERS(Door, OpenEnter, OpenState, ClosedEnter, ClosedState, LockedState)

 private:
  void ClosedState(am::Event&) { log_->push_back("private"); }

  Log* log_;
};

TEST(BoundHandlers, MayBeConstStaticOverloadedOrPrivate) {
  Log log;
  auto door = make_door();
  door.bind(Forms(log));
  door.add(Door::Open);
  door.add(Door::Closed);
  door.add(Door::Locked);
  EXPECT_EQ(log, (Log{"const", "private", "const event"}));
}

struct Base {
  Log log{};
  virtual ~Base() = default;
  virtual void OpenState(am::Event&) { log.push_back("base"); }
  void ClosedState(am::Event&) { log.push_back("inherited"); }
  AM_HANDLERS(Door, OpenState, ClosedState)
};
struct Derived final : Base {
  void OpenState(am::Event&) override { log.push_back("derived"); }
};

TEST(BoundHandlers, MayBeInheritedAndOverridden) {
  const auto derived = std::make_shared<Derived>();
  auto door = make_door();
  door.bind(derived);
  door.add(Door::Open);
  door.add(Door::Closed);
  EXPECT_EQ(derived->log, (Log{"derived", "inherited"}));
}

struct Counter {
  int opened = 0;
  void OpenState(am::Event&) { ++opened; }
  AM_HANDLERS(Door, OpenState)
};

TEST(BoundHandlers, OfASharedObjectChangeThatObject) {
  const auto counter = std::make_shared<Counter>();
  auto front = make_door();
  auto back = make_door();
  front.bind(counter);
  back.bind(counter);
  front.add(Door::Open);
  back.add(Door::Open);
  EXPECT_EQ(counter->opened, 2);
}

TEST(BoundHandlers, KeepTheirObjectUntilTheyAreDetached) {
  auto door = make_door();
  auto counter = std::make_shared<Counter>();
  const std::weak_ptr<Counter> watch = counter;
  const auto id = door.bind(std::move(counter));
  EXPECT_FALSE(watch.expired());
  door.detach(id);
  EXPECT_TRUE(watch.expired());
}

TEST(BoundHandlers, OfASetFitAMachineWithMoreStatesInAnotherOrder) {
  const auto counter = std::make_shared<Counter>();
  am::Machine machine{{{"More"}, {"Open"}}};
  machine.bind(counter);
  machine.add({"More", "Open"});
  EXPECT_EQ(counter->opened, 1);
}

TEST(BoundHandlers, OfAStateThatTheMachineLacksThrowAndNoneIsBound) {
  Log log;
  am::Machine machine{{{"Open"}, {"Closed"}}};
  EXPECT_TRUE(
      throws("handler \"LockedState\" matches no state", [&] { machine.bind(Forms(log)); }));
  machine.add("Open");
  EXPECT_EQ(log, Log{});
}

TEST(HandlersByState, OfEveryKindRunInTheOrderOfATransition) {
  Log log;
  auto door = make_door();
  const auto note = [&log](am::Event& e) { log.push_back(e.name()); };
  door.add(Door::Closed);
  door.on_exit(Door::Closed, note);
  door.on_enter(Door::Open, note);
  door.on_pair(Door::Closed, "Open", note);
  door.on_end("Closed", note);
  door.on_state(Door::Open, note);
  door.add(Door::Open);
  EXPECT_EQ(log, (Log{"ClosedExit", "OpenEnter", "ClosedOpen", "ClosedEnd", "OpenState"}));
}

TEST(HandlersByState, OfAPairOfTheSameStateRunWhenItStays) {
  int stays = 0;
  auto door = make_door();
  door.on_pair(Door::Closed, Door::Closed, [&](am::Event&) { ++stays; });
  door.add(Door::Closed);
  EXPECT_EQ(stays, 0);
  door.add(Door::Closed);
  EXPECT_EQ(stays, 1);
}

TEST(HandlersByName, OfEveryKindRunInTheOrderOfATransition) {
  Log log;
  auto door = make_door();
  const auto note = [&log](am::Event& e) { log.push_back(e.name()); };
  door.add(Door::Closed);
  for (const auto* name : {"AnyState", "OpenState", "ClosedEnd", "AnyEnter", "ClosedOpen",
                           "OpenEnter", "ClosedExit"}) {
    door.on(name, note);
  }
  door.add(Door::Open);
  EXPECT_EQ(log, (Log{"ClosedExit", "OpenEnter", "ClosedOpen", "AnyEnter", "ClosedEnd", "OpenState",
                      "AnyState"}));
}

TEST(HandlersByName, ThatMatchNoStateThrowWithASuggestion) {
  auto door = make_door();
  const auto bind = [&] { door.on("OpnState", [](am::Event&) {}); };
  EXPECT_TRUE(throws("\"OpnState\" matches no state", bind));
  EXPECT_TRUE(throws("did you mean \"Open\"?", bind));
  EXPECT_TRUE(
      throws("did you mean \"OpenEnter\"?", [&] { door.on("OpenEnterr", [](am::Event&) {}); }));
  EXPECT_TRUE(throws("did you mean \"AnyState\"?", [&] { door.on("AnyStat", [](am::Event&) {}); }));
}

TEST(HandlersByName, ThatCanBeReadInTwoWaysThrow) {
  am::Machine machine{{{"A"}, {"AB"}, {"BEnter"}}};
  EXPECT_TRUE(
      throws("bind it by state instead", [&] { machine.on("ABEnter", [](am::Event&) {}); }));
}

TEST(HandlersByName, ThatAreEmptyFunctionsThrow) {
  constexpr std::string_view text = "handler \"OpenState\" has no function";
  auto door = make_door();
  EXPECT_TRUE(throws(text, [&] { door.on("OpenState", std::function<bool(am::Event&)>{}); }));
  EXPECT_TRUE(throws(text, [&] { door.on("OpenState", std::function<void(am::Event&)>{}); }));
}

TEST(SeveralBindings, RunNameByNameAndWithinANameInBindingOrder) {
  Log log;
  auto door = make_door();
  const auto write = [&log](const char* text) {
    return [&log, text](am::Event&) { log.push_back(text); };
  };
  door.bind({{"OpenState", am::detail::make_handler(write("first state"))},
             {"OpenEnter", am::detail::make_handler(write("first enter"))}});
  door.on_state(Door::Open, write("second state"));
  door.on("OpenEnter", write("third enter"));
  door.add(Door::Open);
  EXPECT_EQ(log, (Log{"first enter", "third enter", "first state", "second state"}));
}

TEST(SeveralBindings, StopAtTheFirstThatRefuses) {
  Log log;
  auto door = make_door();
  door.on("OpenEnter", [&](am::Event&) {
    log.push_back("first");
    return false;
  });
  door.on("OpenEnter", [&](am::Event&) { log.push_back("second"); });
  EXPECT_EQ(door.add(Door::Open), am::Result::canceled);
  EXPECT_EQ(log, (Log{"first"}));
}

TEST(ADetachedBinding, DoesNotRunAnyMore) {
  auto door = make_door();
  const auto counter = std::make_shared<Counter>();
  const auto id = door.bind(counter);
  EXPECT_TRUE(door.detach(id));
  door.add(Door::Open);
  EXPECT_EQ(counter->opened, 0);
}

TEST(ADetachedBinding, LeavesTheOthers) {
  auto door = make_door();
  const auto gone = std::make_shared<Counter>();
  const auto stays = std::make_shared<Counter>();
  const auto id = door.bind(gone);
  door.bind(stays);
  door.detach(id);
  door.add(Door::Open);
  EXPECT_EQ(stays->opened, 1);
}

TEST(ADetachedBinding, CannotBeDetachedAgain) {
  auto door = make_door();
  const auto id = door.on_state(Door::Open, [](am::Event&) {});
  EXPECT_TRUE(door.detach(id));
  EXPECT_FALSE(door.detach(id));
  EXPECT_FALSE(door.detach(am::BindingId{12345}));
}

TEST(ADetachedBinding, IsNotSeenByLaterNamesOfTheSameTransition) {
  Log log;
  auto door = make_door();
  const auto later = door.on_state(Door::Open, [&](am::Event&) { log.push_back("later"); });
  door.on_enter(Door::Open, [&](am::Event&) { door.detach(later); });
  door.add(Door::Open);
  EXPECT_EQ(log, Log{});
}

TEST(ABinding, OfNothingIsRefused) {
  auto door = make_door();
  EXPECT_THROW(door.bind(std::shared_ptr<Forms>{}), am::Error);
}

}  // namespace
