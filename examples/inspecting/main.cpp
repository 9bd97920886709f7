// Seeing inside a machine: text, log, steps, reasons, counts, snapshots.
#include <am/breakpoint.hpp>
#include <am/counters.hpp>
#include <am/log.hpp>
#include <am/machine.hpp>

#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

namespace {

struct Key {
  std::string teeth;
};

am::Schema door_schema() {
  return {
      {"Closed", {.remove = {"Open"}}},
      {"Open", {.remove = {"Closed"}}},
      {"Locked", {.require = {"Closed"}}},
      {"Ringing", {.automatic = true, .require = {"Locked"}, .tags = {"bell"}}},
  };
}

/// Prints every transition with its steps.
class Storyteller : public am::Tracer {
 public:
  bool wants_steps() const noexcept override { return true; }
  void transition_end(const am::Transition& transition) override {
    fmt::print("{}\n", transition);
    if (!transition.accepted) fmt::print("canceled: {}\n", transition.why());
  }
};

void show_log(am::Machine& door) {
  am::ArgsMapper args;
  args.show<Key>("key", [](const Key& key) { return key.teeth; });
  const am::TracerId log = am::attach_log(
      door, {
                .level = am::LogLevel::operations,
                .args = args,
                .sink = [](am::LogLevel, std::string_view line) { fmt::print("{}\n", line); },
            });
  door.add("Locked");
  door.add({"Closed", "Locked"}, Key{"vVv"});
  door.log("somebody is at the door");
  door.detach(log);
}

void show_steps(am::Machine& door) {
  const am::TracerId story = door.trace(std::make_shared<Storyteller>());
  door.add("Open");
  door.add("Locked");
  door.detach(story);
}

}  // namespace

int main() {
  am::Machine door{door_schema(), {.id = "front-door", .tags = {"house:1"}}};
  door.on("LockedEnter", [](am::Event& e) { return e.args_if<Key>() != nullptr; });

  const auto counting = std::make_shared<am::CountingTracer>();
  door.trace(counting);

  fmt::print("-- log\n");
  show_log(door);

  fmt::print("\n-- steps\n");
  show_steps(door);

  fmt::print("\n-- text\n");
  fmt::print("{}\n{:a}\n", door, door);
  fmt::print("{}", am::inspect(door, {"Locked", "Ringing"}));

  fmt::print("\n-- errors and changes\n");
  door.on_error([](const am::ErrorInfo& error) { fmt::print("error: {}\n", error.message); });
  door.on_change([](const am::Time& before, const am::Time& after) {
    fmt::print("{} -> {}\n", before, after);
  });
  door.add_error({"the bell is broken"});
  door.on_change({});
  door.on_error({});

  fmt::print("\n-- a breakpoint\n");
  const am::TracerId stop =
      am::break_on(door, {.added = {"Closed"}, .hit = [](const am::QueuedMutation& m) {
                            fmt::print("here somebody wants {}\n", m.name(m.called.front()));
                          }});
  door.add("Closed");
  door.detach(stop);

  fmt::print("\n-- the queue\n");
  door.on("OpenState", [&](am::Event& e) {
    e.machine().add("Closed");
    fmt::print("queued: {}, will be closed: {}\n", door.queue_length(), door.will_be("Closed"));
  });
  door.add("Open");

  fmt::print("\n-- counts\n");
  const am::Counters counts = counting->counters();
  fmt::print("{} transitions, {} canceled ({} by handlers), {} automatic, {} handler calls\n",
             counts.transitions, counts.canceled, counts.canceled_for(am::Reason::handler),
             counts.automatic, counts.handler_calls);

  fmt::print("\n-- a snapshot\n");
  const std::string text = door.save().to_text();
  fmt::print("{}", text);
  am::Machine again{door_schema(), {.id = "front-door"}};
  again.restore(am::Snapshot::from_text(text));
  fmt::print("{:a}\n", again);
}
