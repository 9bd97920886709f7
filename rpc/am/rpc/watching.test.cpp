// Tracers and handlers on a remote machine.
#include <am/error.hpp>
#include <am/event.hpp>
#include <am/machine.hpp>
#include <am/rpc/testing.hpp>

#include <gtest/gtest.h>

#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

namespace {

using namespace std::chrono_literals;
using am::rpc::testing::RemotePair;

constexpr auto patience = 30s;

am::Schema door() {
  return {{"Closed", {.remove = {"Open"}}},
          {"Open", {.remove = {"Closed"}}},
          {"Knock", {.multi = true}}};
}

/// What happened, in words, written by one thread and read by another.
class Record {
 public:
  void note(const std::string& word) {
    const std::lock_guard lock(mutex_);
    text_ += (text_.empty() ? "" : " ") + word;
  }
  std::string take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(text_, {});
  }

 private:
  std::mutex mutex_;
  std::string text_;
};

class Watching : public testing::Test {
 protected:
  am::Machine source{door(), {.id = "door"}};
  RemotePair pair{source};
  am::rpc::RemoteMachine& remote = pair.remote();
  Record record;

  void note_handlers() {
    for (const std::string name : {"ClosedState", "ClosedEnd", "OpenState", "OpenEnd", "KnockState",
                                   "KnockEnd", "AnyState"}) {
      remote.on(name, [this](am::Event& event) { record.note(event.name()); });
    }
  }
};

TEST_F(Watching, FinalHandlersFollowTheSource) {
  note_handlers();
  remote.add("Closed");
  EXPECT_EQ(record.take(), "ClosedState AnyState");
  remote.add("Open");
  EXPECT_EQ(record.take(), "ClosedEnd OpenState AnyState");
  remote.remove("Open");
  EXPECT_EQ(record.take(), "OpenEnd AnyState");
}

TEST_F(Watching, HandlersSeeTheClocksOfTheirUpdate) {
  remote.on_state("Open", [this](am::Event& event) {
    record.note(event.machine().is("Open") ? "open" : "not open");
    record.note(event.machine().id());
  });
  remote.add("Open");
  EXPECT_EQ(record.take(), "open door");
}

// T-32: what went and came back within one update is not missed.
TEST_F(Watching, AStateThatWasLeftAndEnteredAgainInOneUpdateGetsBothCalls) {
  source.add("Open");
  ASSERT_TRUE(pair.settle());
  source.on_state("Knock", [this](am::Event&) {
    source.remove("Open");
    source.add("Open");
  });
  note_handlers();
  remote.add("Knock");  // one reply carries all of it
  EXPECT_EQ(record.take(), "OpenEnd OpenState KnockState AnyState");
}

TEST_F(Watching, AStateThatCameAndWentInOneUpdateGetsBothCalls) {
  source.on_state("Knock", [this](am::Event&) {
    source.add("Open");
    source.remove("Open");
  });
  note_handlers();
  remote.add("Knock");
  EXPECT_EQ(record.take(), "OpenState OpenEnd KnockState AnyState");
}

TEST_F(Watching, AMultiStateThatComesAgainIsNotLeft) {
  remote.add("Knock");
  note_handlers();
  remote.add("Knock");
  EXPECT_EQ(record.take(), "KnockState AnyState");
}

TEST_F(Watching, HandlersThatCouldRefuseAreRefused) {
  for (const std::string name : {"OpenEnter", "OpenExit", "AnyEnter", "ClosedOpen", "OpenOpen"}) {
    try {
      remote.on(name, [](am::Event&) {});
      FAIL() << name;
    } catch (const am::Error& error) {
      EXPECT_EQ(error.code(), am::Errc::invalid_argument);
      EXPECT_NE(std::string(error.what()).find(name), std::string::npos);
    }
  }
  EXPECT_THROW(remote.on("NobodyState", [](am::Event&) {}), am::Error);
}

TEST_F(Watching, ADetachedHandlerIsNotCalled) {
  const auto id = remote.on_state("Open", [this](am::Event&) { record.note("called"); });
  EXPECT_TRUE(remote.detach(id));
  EXPECT_FALSE(remote.detach(id));
  remote.add("Open");
  EXPECT_EQ(record.take(), "");
}

TEST_F(Watching, WhatAHandlerThrowsHarmsNobody) {
  remote.on_state("Open", [](am::Event&) { throw std::runtime_error("broken"); });
  remote.on("AnyState", [this](am::Event&) { record.note("any"); });
  EXPECT_EQ(remote.add("Open"), am::Result::executed);
  EXPECT_EQ(record.take(), "any");
}

TEST_F(Watching, AHandlerCannotBlockItsOwnThread) {
  remote.on_state("Open", [this](am::Event& event) {
    try {
      event.machine().add("Closed");
    } catch (const am::Error& error) {
      record.note(error.code() == am::Errc::would_deadlock ? "would deadlock" : error.what());
    }
  });
  remote.add("Open");
  EXPECT_EQ(record.take(), "would deadlock");
}

TEST_F(Watching, AHandlerMayMutateWithoutWaiting) {
  const auto closed = remote.when("Closed");
  remote.on_state("Open", [](am::Event& event) { event.machine().add_async("Closed"); });
  remote.add("Open");
  EXPECT_EQ(closed.wait_for(patience), am::Ended::fired);
}

class Notes final : public am::Tracer {
 public:
  explicit Notes(Record& record) : record_(record) {}

  void transition_init(const am::Transition& t) override { note("init", t); }
  void transition_start(const am::Transition& t) override { note("start", t); }
  void transition_finals(const am::Transition&) override { record_.note("finals"); }
  void transition_end(const am::Transition& t) override {
    note("end", t);
    for (const auto& change : t.changes) {
      record_.note(std::string(t.name(change.state)) + ":" + std::to_string(change.before.value) +
                   "-" + std::to_string(change.after.value));
    }
  }
  void disposed() override { record_.note("disposed"); }

 private:
  void note(const char* what, const am::Transition& t) {
    record_.note(what);
    const auto open = t.schema->find("Open").value();
    if (am::Tick{t.core->board().tick(open)}.active()) record_.note("(open)");
  }
  Record& record_;
};

TEST_F(Watching, ATracerIsToldOneTransitionForEachUpdate) {
  remote.add("Closed");
  const auto id = remote.trace(std::make_shared<Notes>(record));
  remote.add("Open");
  EXPECT_EQ(record.take(), "init start end (open) Closed:1-2 Open:0-1");
  EXPECT_TRUE(remote.detach(id));
  remote.add("Closed");
  EXPECT_EQ(record.take(), "");
}

TEST_F(Watching, ATracerIsToldOfCanceledMutationsByTheirQueueTick) {
  class QueueTicks final : public am::Tracer {
   public:
    explicit QueueTicks(Record& record) : record_(record) {}
    void transition_end(const am::Transition& t) override {
      record_.note(std::to_string(t.queue_tick.value));
    }

   private:
    Record& record_;
  };
  source.on("OpenEnter", [](am::Event&) { return false; });
  remote.trace(std::make_shared<QueueTicks>(record));
  EXPECT_EQ(remote.add("Open"), am::Result::canceled);
  EXPECT_EQ(record.take(), std::to_string(source.queue_tick().value));
}

TEST_F(Watching, ATracerIsToldOfTheEnd) {
  remote.trace(std::make_shared<Notes>(record));
  source.dispose();
  EXPECT_NE(remote.when("Open").wait_for(patience), am::Ended::fired);
  // Waits end first.
  const auto deadline = std::chrono::steady_clock::now() + patience;
  std::string told;
  while (told.find("disposed") == std::string::npos &&
         std::chrono::steady_clock::now() < deadline) {
    told += record.take();
    std::this_thread::yield();
  }
  EXPECT_NE(told.find("disposed"), std::string::npos);
}

TEST_F(Watching, NoTracerIsRefused) { EXPECT_THROW(remote.trace(nullptr), am::Error); }

}  // namespace
