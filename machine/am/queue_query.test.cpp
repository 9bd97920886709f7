#include <am/queue_query.hpp>

#include <am/machine.hpp>

#include <gtest/gtest.h>

#include <vector>

namespace {

using am::QueuePlace;
using am::QueueQuery;

/// Runs `look` in a handler of a machine with the queue: add B C, add C {x:1}, remove A.
void with_queue(void (*look)(const am::Machine&)) {
  am::Machine m{{{"A", {}}, {"B", {}}, {"C", {}}, {"D", {}}}};
  bool looked = false;
  m.on("AState", [&](am::Event& e) {
    e.machine().add({"B", "C"});
    e.machine().add("C", am::Args().with("x", std::int64_t{1}));
    e.machine().remove("A");
    look(m);
    looked = true;
  });
  m.add("A");
  EXPECT_TRUE(looked);
}

TEST(Queue, tells_what_will_be_and_what_will_be_removed) {
  with_queue([](const am::Machine& m) {
    EXPECT_TRUE(m.will_be("B"));
    EXPECT_TRUE(m.will_be({"C", "B"}));
    EXPECT_TRUE(m.will_be("C", QueuePlace::first));
    EXPECT_FALSE(m.will_be("C", QueuePlace::last));
    EXPECT_FALSE(m.will_be("A"));
    EXPECT_FALSE(m.will_be("D"));
    EXPECT_TRUE(m.will_be_removed("A", QueuePlace::last));
    EXPECT_FALSE(m.will_be_removed("B"));
    EXPECT_THROW(static_cast<void>(m.will_be("X")), am::Error);
  });
}

TEST(Queue, finds_mutations_by_what_they_are_like) {
  with_queue([](const am::Machine& m) {
    const auto strict =
        m.is_queued("C", {.type = am::MutationType::add, .called = QueueQuery::Called::exactly});
    ASSERT_TRUE(strict);
    EXPECT_EQ(*strict, (am::QueuePosition{1, am::QueueTick{4}}));
    EXPECT_FALSE(m.is_queued(
        "C", {.called = QueueQuery::Called::exactly, .args = QueueQuery::With::no_args}));
    EXPECT_EQ(m.is_queued("C", {.from = am::QueueTick{4}})->index, 1U);
    EXPECT_EQ(m.is_queued("C")->index, 0U);
    EXPECT_EQ(m.count_queued("C"), 2U);
    EXPECT_EQ(m.count_queued("A", {.type = am::MutationType::remove}), 1U);
    EXPECT_FALSE(m.is_queued("C", {.kind = QueueQuery::Kind::check}));
  });
}

TEST(Queue, is_copied) {
  with_queue([](const am::Machine& m) {
    const auto queue = m.queue();
    ASSERT_EQ(queue.size(), 3U);
    EXPECT_EQ(queue[0].called, (std::vector<am::StateIndex>{1, 2}));
    EXPECT_EQ(queue[1].queue_tick.value, 4U);
    EXPECT_FALSE(queue[1].args.empty());
    EXPECT_EQ(queue[2].type, am::MutationType::remove);
  });
}

TEST(Queue, has_nothing_at_its_ends_when_it_is_empty) {
  const am::Machine m{{{"A", {}}}};
  EXPECT_FALSE(m.is_queued("A", {.place = QueuePlace::first}));
  EXPECT_FALSE(m.is_queued("A", {.place = QueuePlace::last}));
  EXPECT_TRUE(m.queue().empty());
}

}  // namespace
