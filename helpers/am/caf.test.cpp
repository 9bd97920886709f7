#include <am/caf.hpp>

#include <gtest/gtest.h>

#include <optional>

namespace {

using namespace std::chrono_literals;
namespace actors = am::actors;
using actors::Names;

/// Far longer than anything here takes; a test that needs it has failed.
constexpr auto patience = 30s;

class CafActor : public ::testing::Test {
 protected:
  struct Config : caf::actor_system_config {
    Config() {
      set("scheduler.policy", caf::atom("sharing"));
      set("scheduler.max-threads", 2);
    }
  };

  template <class T, class... Ts>
  std::optional<T> ask(const caf::actor& whom, Ts&&... message) {
    std::optional<T> answer;
    self->request(whom, patience, std::forward<Ts>(message)...)
        .receive([&](const T& value) { answer = value; },
                 [&](const caf::error& error) { text = system.render(error); });
    return answer;
  }
  void wait_for_end(const caf::actor& whom) { self->wait_for(whom); }

  Config config;
  caf::actor_system system{config};
  caf::scoped_actor self{system};
  std::string text;
  std::optional<am::Machine> m{
      std::in_place, am::Schema{{"A", {}}, {"B", {.require = {"A"}}}, {"M", {.multi = true}}}};
};

TEST_F(CafActor, mutates_and_answers_with_the_result) {
  const auto actor = am::spawn_actor(system, am::Api(*m));
  EXPECT_EQ(ask<am::Result>(actor, actors::add::value, Names{"B"})->reason(),
            am::Reason::requirement);
  EXPECT_EQ(*ask<am::Result>(actor, actors::add::value, Names{"A", "B"}), am::Result::executed);
  EXPECT_EQ(ask<bool>(actor, actors::is::value, Names{"A", "B"}), true);
  EXPECT_EQ(*ask<am::Result>(actor, actors::remove::value, Names{"A"}), am::Result::executed);
  EXPECT_TRUE(m->is_not({"A", "B"}));
  EXPECT_EQ(*ask<am::Result>(actor, actors::set::value, Names{"M"}, am::Args()),
            am::Result::executed);
  EXPECT_TRUE(m->is("M"));
  self->send_exit(actor, caf::exit_reason::user_shutdown);
  wait_for_end(actor);
  EXPECT_FALSE(m->disposed()) << "it is not the actor's";
}

TEST_F(CafActor, answers_when_a_state_comes) {
  const auto actor = am::spawn_actor(system, am::Api(*m));
  self->send(actor, actors::add::value, Names{"M"});
  EXPECT_EQ(ask<am::Ended>(actor, actors::when::value, Names{"M"}), am::Ended::fired);
  EXPECT_EQ(ask<am::Ended>(actor, actors::when_not::value, Names{"A"}), am::Ended::fired);
  m.reset();
  wait_for_end(actor);
}

TEST_F(CafActor, says_what_was_wrong_with_a_name) {
  const auto actor = am::spawn_actor(system, am::Api(*m));
  EXPECT_FALSE(ask<bool>(actor, actors::is::value, Names{"Nope"}));
  EXPECT_NE(text.find("Nope"), std::string::npos) << text;
  EXPECT_FALSE(ask<am::Result>(actor, actors::add::value, Names{"Nope"}));
  EXPECT_FALSE(ask<am::Ended>(actor, actors::when::value, Names{"Nope"}));
  EXPECT_EQ(ask<bool>(actor, actors::is::value, Names{"A"}), false) << "and lives on";
  m.reset();
  wait_for_end(actor);
}

TEST_F(CafActor, tells_subscribers_of_activations) {
  const auto actor = am::spawn_actor(system, am::Api(*m));
  self->send(actor, actors::subscribe::value, std::string("M"));
  ASSERT_EQ(ask<bool>(actor, actors::is::value, Names{"M"}), false) << "it is subscribed by now";
  for (const std::uint64_t expected : {1U, 3U}) {
    m->add("M");
    std::uint64_t tick = 0;
    self->receive(
        [&](actors::activated, const std::string& state, std::uint64_t t) {
          EXPECT_EQ(state, "M");
          tick = t;
        },
        caf::after(patience) >> [] { FAIL(); });
    EXPECT_EQ(tick, expected);
  }
  self->send(actor, actors::unsubscribe::value, std::string("M"));
  m.reset();
  wait_for_end(actor);
}

TEST_F(CafActor, quits_with_the_machine_and_answers_what_is_open) {
  const auto actor = am::spawn_actor(system, am::Api(*m));
  const auto handle = self->request(actor, patience, actors::when::value, Names{"A"});
  ASSERT_EQ(ask<bool>(actor, actors::is::value, Names{"A"}), false) << "the wait is attached";
  m.reset();
  self->request(actor, patience, actors::is::value, Names{"A"})
      .receive([](bool) {}, [](const caf::error&) {});
  wait_for_end(actor);
  (void)handle;
}

TEST_F(CafActor, disposes_of_a_machine_that_it_owns) {
  const am::Api api = *m;
  const auto actor = am::spawn_actor(system, std::move(*m));
  EXPECT_EQ(*ask<am::Result>(actor, actors::add::value, Names{"A"}), am::Result::executed);
  self->send_exit(actor, caf::exit_reason::user_shutdown);
  wait_for_end(actor);
  EXPECT_EQ(api.when("B").wait_for(patience), am::Ended::disposed);
}

}  // namespace
