#include "case.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>
#include <utility>

namespace conformance {

namespace {

using nlohmann::json;

constexpr std::array<std::pair<const char*, Op>, 6> ops{{{"add", Op::add},
                                                         {"remove", Op::remove},
                                                         {"set", Op::set},
                                                         {"toggle", Op::toggle},
                                                         {"canadd", Op::can_add},
                                                         {"canremove", Op::can_remove}}};
constexpr std::array<std::pair<const char*, CaseClass>, 4> classes{
    {{"plain", CaseClass::plain},
     {"handlers", CaseClass::handlers},
     {"reject", CaseClass::reject},
     {"nested", CaseClass::nested}}};

[[noreturn]] void fail(const std::string& where, const std::string& problem) {
  throw CaseError(where.empty() ? problem : fmt::format("{}: {}", where, problem));
}

std::string to_text(const json& value, const std::string& where) {
  if (!value.is_string()) fail(where, fmt::format("{} instead of a string", value.type_name()));
  return value.get<std::string>();
}

bool to_bool(const json& value, const std::string& where) {
  if (!value.is_boolean())
    fail(where, fmt::format("{} instead of true or false", value.type_name()));
  return value.get<bool>();
}

std::string to_count(const json& value, const std::string& where) {
  if (!value.is_number_unsigned()) {
    fail(where, fmt::format("{} instead of an integer from 0", value.dump()));
  }
  return std::to_string(value.get<std::uint64_t>());
}

template <class Convert>
Names to_list(const json& value, const std::string& where, Convert convert) {
  if (!value.is_array()) fail(where, fmt::format("{} instead of a list", value.type_name()));
  Names list;
  for (const auto& item : value) {
    list.push_back(convert(item, fmt::format("{}[{}]", where, list.size())));
  }
  return list;
}

Names to_names(const json& value, const std::string& where) {
  return to_list(value, where, to_text);
}

template <class Table>
auto to_enum(const Table& table, const json& value, const std::string& where) {
  const auto text = to_text(value, where);
  for (const auto& [name, result] : table) {
    if (text == name) return result;
  }
  fail(where, fmt::format("unknown: \"{}\"", text));
}

void check_known(const Names& list, const Names& known, const std::string& where) {
  for (const auto& name : list) {
    if (std::ranges::find(known, name) == known.end()) {
      fail(where, fmt::format("\"{}\" is not one of the case's states", name));
    }
  }
}

/// A JSON object of which every key has to be asked for.
class Object {
 public:
  Object(const json& value, std::string where) : value_(value), where_(std::move(where)) {
    if (!value.is_object()) fail(where_, fmt::format("{} instead of an object", value.type_name()));
  }

  const json* find(const char* key) {
    asked_.insert(key);
    const auto at = value_.find(key);
    return at == value_.end() ? nullptr : &*at;
  }
  const json& get(const char* key) {
    if (const auto* value = find(key)) return *value;
    fail(where_, fmt::format("\"{}\" is missing", key));
  }
  bool flag(const char* key) {
    const auto* value = find(key);
    return value != nullptr && to_bool(*value, at(key));
  }
  Names names(const char* key) {
    const auto* value = find(key);
    return value == nullptr ? Names{} : to_names(*value, at(key));
  }
  std::string at(const char* key) const {
    return where_.empty() ? key : fmt::format("{}: {}", where_, key);
  }
  /// Fails when there is a key that nobody has asked for.
  void finish() const {
    for (const auto& [key, unused] : value_.items()) {
      if (!asked_.contains(key)) fail(where_, fmt::format("unknown field \"{}\"", key));
    }
  }

 private:
  const json& value_;
  std::string where_;
  std::set<std::string> asked_;
};

/// The last of two equal keys would win in silence; here they are an error.
json parse_json(std::string_view text) {
  std::vector<std::set<std::string>> open;
  const auto watch = [&open](int, json::parse_event_t event, json& parsed) {
    if (event == json::parse_event_t::object_start) open.emplace_back();
    if (event == json::parse_event_t::object_end) open.pop_back();
    if (event == json::parse_event_t::key) {
      const auto key = parsed.get<std::string>();
      if (!open.back().insert(key).second) fail("", fmt::format("\"{}\" is given twice", key));
    }
    return true;
  };
  try {
    return json::parse(text, watch);
  } catch (const json::exception& error) {
    fail("not JSON", error.what());
  }
}

std::vector<am::StateName> relation(Object& object, const char* key, const Names& states) {
  const auto names = object.names(key);
  check_known(names, states, object.at(key));
  return {names.begin(), names.end()};
}

am::State parse_state(const json& value, const std::string& where, const Names& states) {
  Object object(value, where);
  am::State state;
  state.automatic = object.flag("auto");
  state.multi = object.flag("multi");
  state.require = relation(object, "require", states);
  state.add = relation(object, "add", states);
  state.remove = relation(object, "remove", states);
  state.after = relation(object, "after", states);
  object.finish();
  return state;
}

Names parse_states(const json& value) {
  auto states = to_names(value, "states");
  for (std::size_t i = 0; i < states.size(); ++i) {
    if (std::find(states.begin(), states.begin() + static_cast<std::ptrdiff_t>(i), states[i]) !=
        states.begin() + static_cast<std::ptrdiff_t>(i)) {
      fail("states", fmt::format("\"{}\" is given twice", states[i]));
    }
  }
  if (std::ranges::find(states, am::exception_state) == states.end()) {
    fail("states", "\"Exception\" is missing");
  }
  return states;
}

am::Schema parse_schema(const json& value, const Names& states) {
  Object object(value, "schema");
  for (const auto& [name, unused] : value.items()) check_known({name}, states, "schema");
  std::vector<am::Schema::Entry> entries;
  for (const auto& name : states) {
    const auto where = fmt::format("schema: {}", name);
    if (const auto* state = object.find(name.c_str())) {
      entries.push_back({name, parse_state(*state, where, states)});
    } else if (name != am::exception_state) {
      fail("schema", fmt::format("\"{}\" of states is missing", name));
    } else if (name != states.back()) {
      entries.push_back({name, {.multi = true}});
    }
  }
  return am::Schema(std::move(entries));
}

Mutation parse_mutation(Object& object, const Names& states) {
  Mutation mutation;
  mutation.op = to_enum(ops, object.get("op"), object.at("op"));
  mutation.states = to_names(object.get("states"), object.at("states"));
  check_known(mutation.states, states, object.at("states"));
  return mutation;
}

Facts parse_facts(Object& object, const Case& test) {
  Facts facts;
  facts.result = {to_text(object.get("result"), object.at("result"))};
  if (facts.result[0] != "executed" && facts.result[0] != "canceled") {
    fail(object.at("result"), fmt::format("unknown: \"{}\"", facts.result[0]));
  }
  facts.active = to_names(object.get("active"), object.at("active"));
  facts.ticks = to_list(object.get("ticks"), object.at("ticks"), to_count);
  if (facts.ticks.size() != test.states.size()) {
    fail(object.at("ticks"),
         fmt::format("{} ticks for {} states", facts.ticks.size(), test.states.size()));
  }
  facts.tx = to_names(object.get("tx"), object.at("tx"));
  // A fact that its class does not have stays unasked for, and is then an unknown field.
  if (test.kind != CaseClass::plain) {
    facts.handlers = to_names(object.get("handlers"), object.at("handlers"));
  }
  if (test.kind == CaseClass::nested) {
    facts.nres = to_list(object.get("nres"), object.at("nres"), to_count);
  }
  return facts;
}

void parse_actions(Object& object, Case& test) {
  auto known = negotiation_handlers(test.states);
  const auto check = [&](const std::string& handler, const char* where) {
    if (std::ranges::find(known, handler) == known.end()) {
      fail(where, fmt::format("\"{}\" is no such handler of these states", handler));
    }
  };
  if (test.kind == CaseClass::reject || test.kind == CaseClass::nested) {
    test.rejects = object.names("rejects");
  }
  for (const auto& handler : test.rejects) check(handler, "rejects");

  if (test.kind != CaseClass::nested) return;
  for (auto& handler : final_handlers(test.states)) known.push_back(std::move(handler));
  const auto& nested = object.get("nested");
  if (!nested.is_object())
    fail("nested", fmt::format("{} instead of an object", nested.type_name()));
  for (const auto& [handler, value] : nested.items()) {
    check(handler, "nested");
    Object action(value, fmt::format("nested: {}", handler));
    test.nested.emplace(handler, parse_mutation(action, test.states));
    action.finish();
  }
}

}  // namespace

Case parse_case(std::string_view text) {
  const auto value = parse_json(text);
  Object object(value, "");
  Case test;
  test.id = to_text(object.get("id"), "id");
  test.kind = to_enum(classes, object.get("class"), "class");
  test.cyclic = object.flag("cyc");
  test.fixed = object.flag("fixed");
  test.states = parse_states(object.get("states"));
  test.schema = parse_schema(object.get("schema"), test.states);
  parse_actions(object, test);
  const auto& steps = object.get("steps");
  if (!steps.is_array() || steps.empty()) fail("steps", "not a list with at least one step");
  for (const auto& step_value : steps) {
    Object step(step_value, fmt::format("step {}", test.steps.size() + 1));
    const auto mutation = parse_mutation(step, test.states);
    test.steps.push_back({mutation, parse_facts(step, test)});
    step.finish();
  }
  object.finish();
  return test;
}

Names negotiation_handlers(const Names& states) {
  Names names;
  for (const auto& state : states) {
    names.push_back(state + "Enter");
    names.push_back(state + "Exit");
    for (const auto& second : states) names.push_back(state + second);
  }
  names.push_back("AnyEnter");
  return names;
}

Names final_handlers(const Names& states) {
  Names names;
  for (const auto& state : states) {
    names.push_back(state + "State");
    names.push_back(state + "End");
  }
  names.push_back("AnyState");
  return names;
}

const char* to_string(Op op) {
  for (const auto& [name, value] : ops) {
    if (value == op) return name;
  }
  return "?";
}

const char* to_string(CaseClass kind) {
  for (const auto& [name, value] : classes) {
    if (value == kind) return name;
  }
  return "?";
}

std::string to_string(const Mutation& mutation) {
  return fmt::format("{}({})", to_string(mutation.op), join(mutation.states, ","));
}

std::string join(const Names& list, std::string_view separator) {
  return fmt::format("{}", fmt::join(list, separator));
}

}  // namespace conformance
