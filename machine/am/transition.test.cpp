#include <am/transition.hpp>

#include <am/machine.hpp>

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct Reasons : am::Tracer {
  std::vector<std::string> texts{};
  void transition_end(const am::Transition& t) override { texts.push_back(t.why()); }
};

TEST(Transition, answers_queries_by_name) {
  am::Machine m{{{"A", {}}, {"B", {}}, {"M", {.multi = true}}}};
  m.set({"A", "M"});
  bool asked = false;
  m.on("BEnter", [&](am::Event& e) {
    const auto& t = e.transition();
    EXPECT_TRUE(t.is_called("B"));
    EXPECT_FALSE(t.is_called("A"));
    EXPECT_TRUE(t.is_target("M"));
    EXPECT_FALSE(t.is_target("A"));
    EXPECT_TRUE(t.was_active("A"));
    EXPECT_TRUE(t.is_entered("B"));
    EXPECT_TRUE(t.is_entered("M"));
    EXPECT_TRUE(t.is_exited(e.machine().state("A")));
    EXPECT_EQ(t.machine_id(), e.machine().id());
    EXPECT_THROW(static_cast<void>(t.is_called("X")), am::Error);
    asked = true;
  });
  m.on("BState", [&](am::Event& e) {
    EXPECT_EQ(fmt::format("{}", e.transition().time_before()), "1 0 1 0");
    EXPECT_EQ(fmt::format("{}", e.machine().time()), "2 1 3 0");
  });
  m.set({"B", "M"});
  EXPECT_TRUE(asked);
}

TEST(Transition, says_in_words_why_it_was_canceled) {
  am::Machine m{{{"A", {}},
                 {"Closed", {.remove = {"Open"}}},
                 {"Locked", {.require = {"Closed"}}},
                 {"Open", {}},
                 {"Door", {}},
                 {"Bad", {}}}};
  const auto reasons = std::make_shared<Reasons>();
  m.trace(reasons);
  m.on("DoorEnter", [](am::Event&) { return false; });
  m.on("ADoor", [](am::Event&) { return false; });
  m.on("BadState", [](am::Event&) { throw std::runtime_error("no"); });
  m.add("Locked");
  m.add("Closed");
  m.add("Open");
  m.add("Door");
  m.add("Bad");
  EXPECT_EQ(reasons->texts,
            (std::vector<std::string>{"Locked requires Closed", "", "Open is removed by Closed",
                                      "DoorEnter refused", "BadState threw", ""}));
}

TEST(Transition, text_has_its_source_on_a_line_of_its_own) {
  am::Machine m{{{"A", {}}, {"B", {}}}, {.id = "me"}};
  std::string text;
  m.on("AState", [](am::Event& e) { e.machine().add({"B", "A"}); });
  m.on("BState", [&](am::Event& e) { text = am::to_string(e.transition()); });
  m.add("A");
  EXPECT_EQ(text, "tx#2\n[add] B A\nsource: [1](me/1/t0)");
}

}  // namespace
