// One test vector as plain data, and how it is read from its line of JSON.
#pragma once

#include <am/schema.hpp>

#include <array>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace conformance {

using Names = std::vector<std::string>;

enum class Op { add, remove, set, toggle, can_add, can_remove };

/// What is bound to the machine.
enum class CaseClass { plain, handlers, reject, nested };

struct Mutation {
  Op op = Op::add;
  Names states{};
};

/// What a step leaves behind. All as text, because facts are only compared and printed.
struct Facts {
  Names result{};    ///< one item: "executed" or "canceled"
  Names active{};    ///< in machine order
  Names ticks{};     ///< in index order
  Names handlers{};  ///< in call order; empty when nothing is bound
  Names tx{};        ///< transitions, in order of execution
  Names nres{};      ///< results of nested calls, in order
};

/// A kind of fact. Reading, comparing and printing go through `fields`, so that none is forgotten.
struct Field {
  const char* name;
  Names Facts::*list;
};

inline constexpr std::array<Field, 6> fields{{{"result", &Facts::result},
                                              {"active", &Facts::active},
                                              {"ticks", &Facts::ticks},
                                              {"handlers", &Facts::handlers},
                                              {"tx", &Facts::tx},
                                              {"nres", &Facts::nres}}};

struct Step {
  Mutation mutation{};
  Facts expected{};
};

struct Case {
  std::string id{};
  CaseClass kind = CaseClass::plain;
  bool cyclic = false;  ///< the schema has a Require cycle
  bool fixed = false;   ///< a fact differs from the reference implementation
  Names states{};       ///< in index order
  /// The states in index order. Exception is left to the machine when it is undeclared and last.
  am::Schema schema{};
  Names rejects{};  ///< handlers that return false
  /// Mutations made inside handlers, by handler name.
  std::map<std::string, Mutation> nested{};
  std::vector<Step> steps{};
};

/// A line that is not a valid case. The message names the step and the field.
struct CaseError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Reads one case. Throws `CaseError` for anything that is missing, of a wrong type, unknown or
/// contradictory, so that no fact is skipped in silence.
Case parse_case(std::string_view json);

/// All handlers with which the machine can refuse, for these states.
Names negotiation_handlers(const Names& states);
/// All handlers that run after ticks have changed.
Names final_handlers(const Names& states);

const char* to_string(Op op);
const char* to_string(CaseClass kind);
/// As in "add(A,B)".
std::string to_string(const Mutation& mutation);
/// `list` with `separator` between its items.
std::string join(const Names& list, std::string_view separator);

}  // namespace conformance
