// A machine as an actor of CAF 0.17. Costs seconds of compilation: include it in few files.
#pragma once

#include <am/api.hpp>
#include <am/machine.hpp>

#include <caf/all.hpp>

#include <cstdint>
#include <exception>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(am::Result)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(am::Ended)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(am::Args)

namespace am {

/// What messages to and from a machine's actor begin with. `Names` is std::vector<std::string>.
namespace actors {

using Names = std::vector<std::string>;

// (add, Names), (add, Names, am::Args) -> am::Result, once the mutation and what it queued has run;
// the same for `remove` and `set`.
using add = caf::atom_constant<caf::atom("am_add")>;
using remove = caf::atom_constant<caf::atom("am_remove")>;
using set = caf::atom_constant<caf::atom("am_set")>;
/// (is, Names) -> bool
using is = caf::atom_constant<caf::atom("am_is")>;
// (when, Names), (when_not, Names) -> am::Ended, when that is so
using when = caf::atom_constant<caf::atom("am_when")>;
using when_not = caf::atom_constant<caf::atom("am_whennot")>;
/// (subscribe, std::string state): the sender gets (activated, std::string state, std::uint64_t
/// tick) for each activation from now on; those in quick succession may come as one.
using subscribe = caf::atom_constant<caf::atom("am_sub")>;
/// (unsubscribe, std::string state)
using unsubscribe = caf::atom_constant<caf::atom("am_unsub")>;
using activated = caf::atom_constant<caf::atom("am_active")>;

}  // namespace actors

/// The actor: for supervision, monitors and links, and for programs that are made of actors. It
/// answers the messages above, never blocks in a handler, and handles each mutation
/// asynchronously. A wrong state name is answered with caf::sec::invalid_argument and the message
/// of `am::Error`. Mutations through it cost a message more than those on the `Api`, which remain
/// possible from any thread. Only actors of the same process can talk to it.
///
/// When the machine is disposed of, open questions are answered (disposed) and the actor quits
/// normally. When the actor ends, a machine that it owns is disposed of, which waits for a running
/// transition; other machines are left alone.
class MachineActor : public caf::event_based_actor {
 public:
  /// Refers to a machine, local or remote, that somebody else owns.
  MachineActor(caf::actor_config& config, Api machine)
      : caf::event_based_actor(config), machine_(std::move(machine)) {}
  /// Owns `machine`.
  MachineActor(caf::actor_config& config, std::shared_ptr<Machine> machine)
      : caf::event_based_actor(config), owned_(std::move(machine)), machine_(*owned_) {}

  const char* name() const override { return "am.machine"; }

  void on_exit() override {
    gone_.cancel();
    for (auto& [state, subscription] : subscriptions_) subscription.wait.cancel();
    subscriptions_.clear();
    answer_all();
    owned_.reset();
  }

 protected:
  caf::behavior make_behavior() override {
    set_down_handler([this](const caf::down_msg& down) { forget(down.source); });
    const auto gone = to_self([](MachineActor& self) { self.end(); });
    gone_ = machine_.when_time(exception_state, Tick{std::numeric_limits<std::uint64_t>::max()})
                .then([gone](Ended) { gone(); });
    using actors::Names;
    return {
        [this](actors::add, const Names& s) { return mutate(&Api::add_async, s, {}); },
        [this](actors::add, const Names& s, const Args& a) {
          return mutate(&Api::add_async, s, a);
        },
        [this](actors::remove, const Names& s) { return mutate(&Api::remove_async, s, {}); },
        [this](actors::remove, const Names& s, const Args& a) {
          return mutate(&Api::remove_async, s, a);
        },
        [this](actors::set, const Names& s) { return mutate(&Api::set_async, s, {}); },
        [this](actors::set, const Names& s, const Args& a) {
          return mutate(&Api::set_async, s, a);
        },
        [this](actors::is, const Names& s) {
          return answer<bool>([&] { return machine_.is(StateList(s)); });
        },
        [this](actors::when, const Names& s) {
          return wait([&] { return machine_.when(StateList(s)); });
        },
        [this](actors::when_not, const Names& s) {
          return wait([&] { return machine_.when_not(StateList(s)); });
        },
        [this](actors::subscribe, const std::string& state) { subscribe_sender(state); },
        [this](actors::unsubscribe, const std::string& state) { unsubscribe_sender(state); },
        [this](ToSelf, const Step& step) { (*step)(*this); },
    };
  }

 public:
  /// What the machine's threads have the actor do, as a message.
  using Step = std::shared_ptr<const std::function<void(MachineActor&)>>;

 private:
  using ToSelf = caf::atom_constant<caf::atom("am_self")>;
  using Mutate = Pending<Result> (Api::*)(StateList, Args, const MutationOptions&);
  struct Open {
    caf::response_promise promise;
    Continuation wait{};
    caf::message if_gone{};
  };
  struct Subscription {
    std::vector<caf::strong_actor_ptr> subscribers{};
    std::uint64_t next = 0;  ///< the tick of the next activation
    Continuation wait{};
  };

  /// A function for any thread, which sends `step` to this actor if that still lives.
  std::function<void()> to_self(std::function<void(MachineActor&)> step) {
    return [send = sender(), step = std::move(step)] { send(step); };
  }

  static caf::error error_of(const std::exception& e) {
    return caf::make_error(caf::sec::invalid_argument, std::string(e.what()));
  }

  template <class T, class Fn>
  caf::result<T> answer(Fn&& fn) {
    try {
      return fn();
    } catch (const Error& e) {
      return error_of(e);
    }
  }

  caf::response_promise mutate(Mutate how, const actors::Names& states, const Args& args) {
    return later(caf::make_message(Result(Result::canceled, Reason::disposed)), [&](auto tell) {
      return (machine_.*how)(StateList(states), args, {}).then([tell](Result result) {
        tell(caf::make_message(result));
      });
    });
  }

  template <class Fn>
  caf::response_promise wait(Fn&& make) {
    return later(caf::make_message(Ended::disposed), [&](auto tell) {
      return make().then([tell](Ended ended) { tell(caf::make_message(ended)); });
    });
  }

  /// Answers when what `begin` attaches calls its argument, at the latest when the actor ends.
  template <class Fn>
  caf::response_promise later(caf::message if_gone, Fn&& begin) {
    auto promise = make_response_promise();
    const auto id = ++last_;
    try {
      open_[id] = {promise, {}, std::move(if_gone)};
      auto attached = begin([id, send = sender()](const caf::message& value) {
        send([id, value](MachineActor& self) { self.settle(id, value); });
      });
      open_[id].wait = std::move(attached);
    } catch (const Error& e) {
      open_.erase(id);
      promise.deliver(error_of(e));
    }
    return promise;
  }

  /// As `to_self`, for a step that is not known yet.
  std::function<void(std::function<void(MachineActor&)>)> sender() {
    return [weak = caf::weak_actor_ptr(ctrl())](std::function<void(MachineActor&)> step) {
      if (const auto strong = weak.lock()) {
        caf::anon_send(caf::actor_cast<caf::actor>(strong), ToSelf::value,
                       std::make_shared<const std::function<void(MachineActor&)>>(std::move(step)));
      }
    };
  }

  void settle(std::uint64_t id, const caf::message& value) {
    const auto found = open_.find(id);
    if (found == open_.end()) return;
    auto open = std::move(found->second);
    open_.erase(found);
    open.promise.deliver(value);
  }

  void answer_all() {
    for (auto& [id, open] : std::exchange(open_, {})) {
      open.wait.cancel();
      open.promise.deliver(open.if_gone);
    }
  }

  void end() {
    answer_all();
    quit();
  }

  // -- subscriptions --------------------------------------------------------------

  void subscribe_sender(const std::string& state) {
    const auto index = machine_.schema().find(state);
    const auto who = current_sender();
    if (!index || who == nullptr) return;
    monitor(who);
    auto& subscription = subscriptions_[*index];
    subscription.subscribers.push_back(who);
    if (subscription.subscribers.size() > 1) return;
    subscription.next = (machine_.tick(machine_.schema().id(*index)).value + 1) | 1U;
    arm(*index);
  }

  void arm(StateIndex state) {
    auto& subscription = subscriptions_[state];
    const auto ticked = to_self([state](MachineActor& self) { self.came(state); });
    const auto renew = to_self([state](MachineActor& self) { self.renew(state); });
    subscription.wait = machine_.when_time(machine_.schema().id(state), Tick{subscription.next})
                            .then([ticked, renew](Ended ended) {
                              if (ended == Ended::fired) ticked();
                              if (ended == Ended::epoch_changed) renew();
                            });
  }

  /// The source of a remote machine is another one, whose ticks begin anew.
  void renew(StateIndex state) {
    const auto found = subscriptions_.find(state);
    if (found == subscriptions_.end()) return;
    found->second.next = (machine_.tick(machine_.schema().id(state)).value + 1) | 1U;
    arm(state);
  }

  void came(StateIndex state) {
    const auto found = subscriptions_.find(state);
    if (found == subscriptions_.end()) return;
    const std::string name(machine_.schema().names()[state]);
    const auto now = machine_.tick(machine_.schema().id(state)).value;
    const std::uint64_t tick = (now & 1U) != 0 ? now : now - 1;
    for (const auto& listener : found->second.subscribers) {
      send(caf::actor_cast<caf::actor>(listener), actors::activated::value, name, tick);
    }
    found->second.next = tick + 2;
    arm(state);
  }

  void unsubscribe_sender(const std::string& state) {
    const auto index = machine_.schema().find(state);
    if (index) leave(*index, current_sender());
  }

  void leave(StateIndex state, const caf::actor_addr& who) {
    const auto found = subscriptions_.find(state);
    if (found == subscriptions_.end()) return;
    auto& subscribers = found->second.subscribers;
    std::erase_if(subscribers,
                  [&](const auto& s) { return caf::actor_cast<caf::actor_addr>(s) == who; });
    if (!subscribers.empty()) return;
    found->second.wait.cancel();
    subscriptions_.erase(found);
  }
  void leave(StateIndex state, const caf::strong_actor_ptr& who) {
    leave(state, caf::actor_cast<caf::actor_addr>(who));
  }
  void forget(const caf::actor_addr& who) {
    std::vector<StateIndex> states;
    for (const auto& [state, subscription] : subscriptions_) states.push_back(state);
    for (const auto state : states) leave(state, who);
  }

  std::shared_ptr<Machine> owned_;
  Api machine_;
  Continuation gone_;
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, Open> open_;
  std::map<StateIndex, Subscription> subscriptions_;
};

/// An actor that refers to `machine`, local or remote.
inline caf::actor spawn_actor(caf::actor_system& system, Api machine) {
  return system.spawn<MachineActor>(std::move(machine));
}
/// An actor that owns `machine`.
inline caf::actor spawn_actor(caf::actor_system& system, Machine machine) {
  return system.spawn<MachineActor>(std::make_shared<Machine>(std::move(machine)));
}

}  // namespace am

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(am::MachineActor::Step)
