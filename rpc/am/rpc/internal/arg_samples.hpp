// Argument types for the tests; registered by every file that includes this, as a user's header
// may.
#pragma once

#include <am/cereal.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace am::rpc::samples {

enum class Color : std::int16_t { red = -1, green = 300 };

struct Tooth {
  int depth = 0;
  std::string note{};

  template <class Archive>
  void serialize(Archive& archive) {
    archive(CEREAL_NVP(depth), note);
  }
  friend bool operator==(const Tooth&, const Tooth&) = default;
};

/// One of everything that may travel.
struct Everything {
  bool flag = false;
  char letter = 0;
  std::int8_t tiny = 0;
  std::uint8_t byte = 0;
  std::int16_t small = 0;
  std::uint16_t port = 0;
  std::int32_t number = 0;
  std::uint32_t count = 0;
  std::int64_t large = 0;
  std::uint64_t huge = 0;
  float ratio = 0;
  double exact = 0;
  Color color = Color::red;
  std::string text{};
  std::vector<int> numbers{};
  std::vector<std::uint8_t> bytes{};
  std::vector<bool> bits{};
  std::vector<std::string> words{};
  std::vector<Tooth> teeth{};
  std::array<std::int16_t, 3> triple{};
  std::map<std::string, Tooth> named{};
  std::unordered_map<int, std::vector<int>> lists{};
  std::optional<Tooth> maybe{};
  std::optional<int> nothing{};
  std::variant<int, std::string, Tooth> either{};
  std::pair<int, std::string> both{};
  std::tuple<int, double, Tooth> three{};
  std::chrono::milliseconds wait{};

  template <class Archive>
  void serialize(Archive& archive) {
    archive(flag, letter, tiny, byte, small, port, number, count, large, huge, ratio, exact, color,
            text, numbers, bytes, bits, words, teeth, triple, named, lists, maybe, nothing, either,
            both, three, wait);
  }
  friend bool operator==(const Everything&, const Everything&) = default;
};

inline Everything full() {
  return {.flag = true,
          .letter = 'x',
          .tiny = -128,
          .byte = 255,
          .small = -32'768,
          .port = 65'535,
          .number = std::numeric_limits<std::int32_t>::min(),
          .count = std::numeric_limits<std::uint32_t>::max(),
          .large = std::numeric_limits<std::int64_t>::min(),
          .huge = std::numeric_limits<std::uint64_t>::max(),
          .ratio = 1.5F,
          .exact = -1e300,
          .color = Color::green,
          .text = "text with a \0 in it",
          .numbers = {0, -1, 1, 1'000'000},
          .bytes = {0, 127, 128, 255},
          .bits = {true, false, true},
          .words = {"", "a", "word"},
          .teeth = {{1, "one"}, {2, ""}},
          .triple = {-1, 0, 1},
          .named = {{"a", {3, "three"}}, {"b", {4, "four"}}},
          .lists = {{1, {1, 2}}, {2, {}}},
          .maybe = Tooth{5, "five"},
          .nothing = std::nullopt,
          .either = Tooth{6, "six"},
          .both = {7, "seven"},
          .three = {8, 0.5, Tooth{9, "nine"}},
          .wait = std::chrono::milliseconds{-10}};
}

/// Nested as deep as its depth says.
struct Tree {
  std::vector<Tree> children{};

  template <class Archive>
  void serialize(Archive& archive) {
    archive(children);
  }
  int depth() const { return children.empty() ? 0 : 1 + children.front().depth(); }
};

/// Travels by its name alone.
struct Ping {};

/// With save and load, found by lookup, as for types of other libraries.
struct Celsius {
  double degrees = 0;
};
template <class Archive>
void save(Archive& archive, const Celsius& value) {
  archive(value.degrees);
}
template <class Archive>
void load(Archive& archive, Celsius& value) {
  archive(value.degrees);
}

}  // namespace am::rpc::samples

AM_ARGS(am::rpc::samples::Everything, "everything")
AM_ARGS(am::rpc::samples::Tree, "tree")
AM_ARGS(am::rpc::samples::Ping, "ping")
AM_ARGS(am::rpc::samples::Celsius, "celsius")
