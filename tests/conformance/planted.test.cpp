// A test that never fails proves nothing: facts of the sample are falsified at random, one at a
// time, and each has to be found and named. The seed is printed; CONFORMANCE_SEED repeats a run.

#include "program.hpp"
#include "runner.hpp"
#include "temporary_file.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <random>
#include <sstream>
#include <string>
#include <vector>

namespace conformance {
namespace {

using nlohmann::json;

constexpr int plants_per_field = 100;

class PlantedFacts : public testing::Test {
 protected:
  PlantedFacts() {
    const auto* repeated = std::getenv("CONFORMANCE_SEED");
    const auto seed = repeated != nullptr ? static_cast<std::uint32_t>(std::stoul(repeated))
                                          : std::random_device{}();
    std::cout << "CONFORMANCE_SEED=" << seed << '\n';
    random_.seed(seed);
    std::ifstream file(CONFORMANCE_SAMPLE);
    for (std::string line; std::getline(file, line);) cases_.push_back(json::parse(line));
  }

  void SetUp() override { ASSERT_GE(cases_.size(), 300U) << CONFORMANCE_SAMPLE; }

  /// A number below `limit`.
  std::size_t below(std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_);
  }

  /// A random case whose steps have `field`.
  json any_case_with(const std::string& field) {
    while (true) {
      const auto& candidate = cases_[below(cases_.size())];
      if (candidate["steps"][0].contains(field)) return candidate;
    }
  }

  /// Changes `list` of names: drops an item, repeats one, swaps two different ones or changes one.
  void falsify_names(json& list, const std::string& other) {
    const auto before = list;
    while (list == before) {
      const auto kind = list.empty() ? 0 : below(4);
      const auto at = list.empty() ? 0 : below(list.size());
      switch (kind) {
        case 0: list.insert(list.begin() + static_cast<std::ptrdiff_t>(at), other); break;
        case 1: list.erase(at); break;
        case 2: std::swap(list[at], list[below(list.size())]); break;
        default: list[at] = other; break;
      }
    }
  }

  void falsify(json& step, const std::string& field, const json& states) {
    auto& fact = step[field];
    if (field == "result") {
      fact = fact == "executed" ? "canceled" : "executed";
    } else if (field == "ticks") {
      auto& tick = fact[below(fact.size())];
      // By 2, too: the state's activity is right then, and only the clock is wrong.
      const auto old = tick.get<std::uint64_t>();
      tick = old >= 2 && below(2) == 0 ? old - 2 : old + 1 + below(2);
    } else if (field == "nres") {
      if (fact.empty() || below(4) == 0) {
        fact.push_back(0);
      } else if (below(4) == 0) {
        fact.erase(below(fact.size()));
      } else {
        auto& result = fact[below(fact.size())];
        result = result.get<std::uint64_t>() + 1;
      }
    } else if (field == "tx" && !fact.empty() && below(2) == 0) {
      // One sign more or less on one transition.
      auto text = fact[below(fact.size())].get<std::string>();
      auto& chosen = *std::ranges::find(fact, json(text));
      if (text.ends_with('!')) {
        text.pop_back();
      } else {
        text += '!';
      }
      chosen = text;
    } else {
      falsify_names(fact, field == "active" ? states[below(states.size())] : json("+Other"));
    }
  }

  std::mt19937 random_;
  std::vector<json> cases_;
};

TEST_F(PlantedFacts, TheSampleItselfHolds) {
  for (const auto& value : cases_) {
    EXPECT_TRUE(run_case(parse_case(value.dump())).empty()) << value["id"];
  }
}

TEST_F(PlantedFacts, EachIsFoundAndNamed) {
  for (const auto& field : fields) {
    const std::string name = field.name;
    for (int i = 0; i < plants_per_field; ++i) {
      auto value = any_case_with(name);
      const auto step = below(value["steps"].size());
      const auto fact = value["steps"][step][name];
      falsify(value["steps"][step], name, value["states"]);
      SCOPED_TRACE(value["id"].get<std::string>() + ": " + fact.dump() + " -> " +
                   value["steps"][step][name].dump());
      const auto differences = run_case(parse_case(value.dump()));
      ASSERT_EQ(differences.size(), 1U);
      EXPECT_EQ(differences[0].field, name);
      EXPECT_EQ(differences[0].step, step + 1);
    }
  }
}

TEST_F(PlantedFacts, AWrongOrderOfStatesIsFoundAndNamed) {
  for (int i = 0; i < plants_per_field; ++i) {
    auto test = parse_case(cases_[below(cases_.size())].dump());
    // The machine is made in the order of the case, so its order is falsified afterwards.
    const auto observed = observe(test);
    const auto at = below(test.states.size() - 1);
    std::swap(test.states[at], test.states[at + 1 + below(test.states.size() - at - 1)]);
    const auto differences = compare(test, observed);
    ASSERT_EQ(differences.size(), 1U) << test.id;
    EXPECT_EQ(differences[0].field, "states");
  }
}

TEST_F(PlantedFacts, ALostStateIsFoundAndNamed) {
  for (int i = 0; i < plants_per_field; ++i) {
    auto value = cases_[below(cases_.size())];
    value["states"].erase(below(value["states"].size()));
    try {
      parse_case(value.dump());
      ADD_FAILURE() << value.dump();
    } catch (const CaseError& error) {
      EXPECT_NE(std::string(error.what()).find("states"), std::string::npos) << error.what();
    }
  }
}

TEST_F(PlantedFacts, EachMakesTheProgramFail) {
  for (const auto& field : fields) {
    const std::string name = field.name;
    auto value = any_case_with(name);
    falsify(value["steps"][below(value["steps"].size())], name, value["states"]);
    const TemporaryFile file(value.dump() + "\n" + empty_case("good") + "\n");
    std::ostringstream out;
    EXPECT_EQ(run({.files = {file.path()}}, out), 1) << value.dump();
    EXPECT_NE(out.str().find("\n    " + name), std::string::npos) << out.str();
    EXPECT_TRUE(out.str().ends_with("\n1 passed, 1 failed\n")) << out.str();
  }
}

}  // namespace
}  // namespace conformance
