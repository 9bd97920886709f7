#include <am/internal/mutation_queue.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace am::internal {
namespace {

using Entry = MutationQueue::Entry;

Mutation adding(StateIndex state) {
  Mutation mutation;
  mutation.called = {state};
  return mutation;
}

/// A queue that this test drains.
class MutationQueueTest : public ::testing::Test {
 protected:
  MutationQueueTest() {
    std::uint64_t tick = 0;
    EXPECT_EQ(queue.try_claim(true, tick), Entry::claimed);
    EXPECT_EQ(tick, 2U);
  }

  std::uint64_t append(Mutation mutation) {
    const std::lock_guard lock(queue.mutex());
    std::uint64_t tick = 0;
    EXPECT_EQ(queue.append(mutation, tick), Entry::busy);
    return tick;
  }
  std::uint64_t twin(StateIndex state) {
    const std::lock_guard lock(queue.mutex());
    return queue.duplicate_of(MutationType::add, std::vector<StateIndex>{state});
  }
  std::size_t size() {
    const std::lock_guard lock(queue.mutex());
    return queue.size();
  }
  std::vector<StateIndex> waiting() {
    std::vector<StateIndex> states;
    const std::lock_guard lock(queue.mutex());
    queue.for_each([&](const Mutation& m) { states.push_back(m.called.front()); });
    return states;
  }
  /// The first state of the next one; 99 when there is none.
  StateIndex next() {
    std::size_t left = 0;
    if (!queue.start_next(batch, out) && !queue.take(batch, 32, out, left)) return 99;
    return out.called.front();
  }

  MutationQueue queue;
  MutationQueue::Batch batch;
  Mutation out;
};

TEST_F(MutationQueueTest, WhatTheDrainerCopiedIsThereUntilItStarts) {
  for (StateIndex s = 0; s < 4; ++s) append(adding(s));
  EXPECT_EQ(next(), 0);
  EXPECT_EQ(size(), 3U);
  EXPECT_EQ(waiting(), (std::vector<StateIndex>{1, 2, 3}));
  EXPECT_EQ(next(), 1);
  EXPECT_EQ(size(), 2U);
  EXPECT_EQ(waiting(), (std::vector<StateIndex>{2, 3}));
}

TEST_F(MutationQueueTest, ATwinIsFoundAmongTheCopiedUntilItStarts) {
  append(adding(0));
  append(adding(1));
  const auto tick = append(adding(2));
  EXPECT_EQ(next(), 0);
  EXPECT_EQ(twin(0), 0U);
  EXPECT_EQ(twin(2), tick);
  EXPECT_EQ(next(), 1);
  EXPECT_EQ(next(), 2);
  EXPECT_EQ(twin(2), 0U);
  EXPECT_EQ(next(), 99);
  EXPECT_TRUE(queue.try_release());
}

TEST_F(MutationQueueTest, ACheckRunsBeforeWhatWasCopied) {
  for (StateIndex s = 0; s < 3; ++s) append(adding(s));
  EXPECT_EQ(next(), 0);
  auto check = adding(7);
  check.check = true;
  append(check);
  EXPECT_EQ(size(), 3U);
  EXPECT_FALSE(queue.try_release());
  EXPECT_EQ(next(), 7);
  EXPECT_EQ(next(), 1);
  EXPECT_EQ(next(), 2);
  EXPECT_EQ(next(), 99);
}

TEST_F(MutationQueueTest, WhatIsRecalledIsNotLost) {
  for (StateIndex s = 0; s < 3; ++s) append(adding(s));
  EXPECT_EQ(next(), 0);
  EXPECT_TRUE(queue.empty()) << "the drainer has it all";
  EXPECT_NE(twin(1), 0U);
  EXPECT_FALSE(queue.empty());
  EXPECT_FALSE(queue.try_release());
  EXPECT_EQ(next(), 1);
  EXPECT_EQ(next(), 2);
}

TEST_F(MutationQueueTest, WhatIsDroppedDoesNotStart) {
  for (StateIndex s = 0; s < 4; ++s) append(adding(s));
  EXPECT_EQ(next(), 0);
  std::vector<Mutation> dropped;
  queue.close(dropped);
  ASSERT_EQ(dropped.size(), 3U);
  EXPECT_EQ(dropped[0].called, std::vector<StateIndex>{1});
  EXPECT_EQ(size(), 0U);
  EXPECT_EQ(next(), 99);
  EXPECT_TRUE(queue.try_release());
}

TEST_F(MutationQueueTest, ArgumentsAndLongListsKeepTheirPlace) {
  append(adding(0));
  auto with_args = adding(1);
  with_args.args = Args().with("n", std::int64_t{1});
  append(with_args);
  append(adding(2));
  auto many = adding(3);
  many.called = {3, 4, 5, 6};
  append(many);
  append(adding(7));
  EXPECT_EQ(waiting(), (std::vector<StateIndex>{0, 1, 2, 3, 7}));
  EXPECT_EQ(twin(1), 0U) << "one with arguments is nobody's twin";
  EXPECT_EQ(next(), 0);
  EXPECT_EQ(next(), 1);
  EXPECT_FALSE(out.args.empty());
  out.args = {};
  EXPECT_EQ(next(), 2);
  EXPECT_EQ(next(), 3);
  EXPECT_EQ(out.called.size(), 4U);
  EXPECT_EQ(next(), 7);
  EXPECT_EQ(next(), 99);
}

TEST_F(MutationQueueTest, TheNextDrainerFindsNothingOfTheLastOne) {
  append(adding(0));
  append(adding(1));
  EXPECT_EQ(next(), 0);
  EXPECT_EQ(next(), 1);
  EXPECT_TRUE(queue.try_release()) << "without another look at the queue";
  EXPECT_EQ(size(), 0U);
  std::uint64_t tick = 0;
  ASSERT_EQ(queue.try_claim(true, tick), Entry::claimed);
  EXPECT_EQ(twin(1), 0U);
  append(adding(5));
  EXPECT_EQ(waiting(), std::vector<StateIndex>{5});
  EXPECT_EQ(next(), 5);
}

TEST(MutationQueue, RunsEachOnceWhileOthersLookForTwins) {
  constexpr std::uint64_t appended = 20'000;
  MutationQueue queue;
  std::atomic<std::uint64_t> ran{0};
  std::atomic<std::uint64_t> skipped{0};
  const auto drain = [&](Mutation& out) {
    MutationQueue::Batch batch;
    std::size_t left = 0;
    ++ran;  // the one that came with the claim
    while (true) {
      if (!queue.start_next(batch, out)) {
        if (queue.try_release()) return;
        if (!queue.take(batch, 8, out, left)) continue;
      }
      ++ran;
    }
  };
  const auto work = [&](StateIndex state) {
    Mutation mutation;
    for (std::uint64_t i = 0; i < appended; ++i) {
      mutation.called.assign(1, state);
      auto entry = queue.try_claim(true, mutation.queue_tick);
      if (entry == Entry::busy) {
        const std::lock_guard lock(queue.mutex());
        std::uint64_t tick = 0;
        if (queue.duplicate_of(MutationType::add, mutation.called) != 0) {
          ++skipped;
          continue;
        }
        entry = queue.append(mutation, tick);
      }
      if (entry == Entry::claimed) drain(mutation);
    }
  };
  {
    std::vector<std::jthread> threads;
    for (StateIndex s = 0; s < 3; ++s) threads.emplace_back(work, s);
  }
  EXPECT_EQ(ran + skipped, 3 * appended);
  std::uint64_t tick = 0;
  EXPECT_EQ(queue.try_claim(true, tick), Entry::claimed) << "nothing is left, nobody drains";
}

}  // namespace
}  // namespace am::internal
