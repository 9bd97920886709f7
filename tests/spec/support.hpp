// The fixtures of the specification's rows.
#pragma once

#include <am/machine.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace spec {

/// How long tests wait for other threads.
inline constexpr auto patience = std::chrono::seconds(30);

/// Four states without relations.
inline am::Schema plain_schema() { return {{"A"}, {"B"}, {"C"}, {"D"}}; }

/// A machine of `schema` with `active` set before anything is bound.
inline am::Machine machine(am::Schema schema, std::initializer_list<am::StateRef> active = {}) {
  am::Machine m{std::move(schema)};
  if (active.size() != 0) m.set(active);
  return m;
}
inline am::Machine plain(std::initializer_list<am::StateRef> active = {}) {
  return machine(plain_schema(), active);
}

/// Automatic, multi, Add and After together.
inline am::Schema related_schema() {
  return {{"A", {.automatic = true, .require = {"C"}}},
          {"B", {.multi = true, .add = {"C"}}},
          {"C", {.after = {"D"}}},
          {"D", {.add = {"C", "B"}}}};
}

/// All states with their ticks: `(A:1) [B:0 Exception:0]`.
inline std::string text(const am::Api& m) { return am::to_string(m, am::Form::all); }
/// The active states in machine order: "B A".
inline std::string order(const am::Api& m) {
  return fmt::format("{}", fmt::join(m.active_states(), " "));
}
inline std::uint64_t tick(const am::Api& m, std::string_view state) { return m.tick(state).value; }

/// Handlers that write their names down and do what a test says. Copies share what they wrote.
class Handlers {
 public:
  /// Binds those that `names` lists, separated by spaces.
  Handlers(am::Machine& m, std::string_view names) {
    std::istringstream words{std::string(names)};
    for (std::string name; words >> name;) bind(m, name);
  }
  /// Binds every handler that `m` can have.
  explicit Handlers(am::Machine& m) {
    for (const auto a : m.schema().names()) {
      for (const auto* kind : {"Enter", "Exit", "State", "End"}) bind(m, std::string(a) + kind);
      for (const auto b : m.schema().names()) {
        m.on_pair(a, b, handler(std::string(a) + std::string(b)));
      }
    }
    bind(m, "AnyEnter");
    bind(m, "AnyState");
  }

  /// The handlers called so far, in order, and starts anew.
  std::string called() {
    return fmt::format("{}", fmt::join(std::exchange(data_->called, {}), " "));
  }
  /// How often one was called since `called`.
  std::size_t count(std::string_view name) const {
    return static_cast<std::size_t>(std::count(data_->called.begin(), data_->called.end(), name));
  }
  Handlers& refuse(std::string_view name) { return data_->refuse.emplace(name), *this; }
  /// Has it throw once, with its name and "fails" as the text.
  Handlers& fail(std::string_view name) { return data_->fail.emplace(name), *this; }
  Handlers& on(std::string_view name, std::function<void(am::Event&)> act) {
    return data_->act[std::string(name)] = std::move(act), *this;
  }

 private:
  struct Data {
    std::vector<std::string> called;
    std::set<std::string, std::less<>> refuse, fail;
    std::map<std::string, std::function<void(am::Event&)>, std::less<>> act;
  };

  void bind(am::Machine& m, const std::string& name) { m.on(name, handler(name)); }
  std::function<bool(am::Event&)> handler(std::string name) {
    return [data = data_, name = std::move(name)](am::Event& e) {
      data->called.push_back(name);
      if (const auto act = data->act.find(name); act != data->act.end()) act->second(e);
      if (data->fail.erase(name) != 0) throw std::runtime_error(name + " fails");
      return !data->refuse.contains(name);
    };
  }

  std::shared_ptr<Data> data_ = std::make_shared<Data>();
};

/// The handlers that the specification's rows record.
inline constexpr std::string_view recorded =
    "AnyEnter AnyState AD AC AExit AEnd AA AState AB BEnter BEnd BState BB BExit BD BC CEnter "
    "CState DEnter DState";

}  // namespace spec
