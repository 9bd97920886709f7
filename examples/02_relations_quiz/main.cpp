// Seven tiny schemas. Cover the second column, and guess what is active in the end.
#include <am/machine.hpp>

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace {

int wrong = 0;

void quiz(std::string_view question, std::string_view expected, const std::string& actual) {
  fmt::print("{:<52} expected {:<26} actual {}\n", question, expected, actual);
  if (actual != expected) ++wrong;
}

}  // namespace

int main() {
  {
    am::Machine m{{{"Foo", {.require = {"Bar"}}}, {"Bar", {}}}};
    quiz("Foo requires Bar, which is not active; add Foo", "canceled (requirement)",
         am::to_string(m.add("Foo")));
  }
  {
    am::Machine m{{
        {"ProcessingFile", {.add = {"InProgress"}}},
        {"FileProcessed", {.remove = {"ProcessingFile"}}},
        {"InProgress", {.require = {"ProcessingFile"}}},
    }};
    m.add("ProcessingFile");
    m.add("FileProcessed");  // what requires the one that goes, goes too
    quiz("processing is in progress; add FileProcessed", "(FileProcessed:1)", am::to_string(m));
  }
  {
    am::Machine m{{
        {"Dry", {.remove = {"Water"}}},
        {"Water", {.add = {"Wet"}, .remove = {"Dry"}}},
        {"Wet", {.require = {"Water"}}},
    }};
    m.add("Dry");
    m.add("Water");  // Wet comes along, Dry goes
    m.add("Dry");    // a called state beats active ones, and Wet cannot stay without Water
    quiz("add Dry, Water, and Dry again", "(Dry:3)", am::to_string(m));
  }
  {
    am::Machine m{{{"A", {.add = {"B"}}}, {"B", {.remove = {"C"}}}, {"C", {}}}};
    m.add("C");
    m.add("A");
    quiz("A adds B, B removes C; C is active; add A", "(A:1 B:1)", am::to_string(m));
  }
  {
    am::Machine m{{{"A", {.add = {"B"}}}, {"B", {}}, {"C", {.remove = {"B"}}}}};
    m.add({"A", "C"});  // B would only have come along: it stays out, and A does not mind
    quiz("A adds B, C removes B; add A and C", "(A:1 C:1)", am::to_string(m));
  }
  {
    am::Machine m{{
        {"A", {.remove = {"B", "C"}}},
        {"B", {.remove = {"A", "C"}}},
        {"C", {.remove = {"A", "B"}}},
    }};
    m.add("A");
    m.add("B");
    m.add("C");
    quiz("A, B and C exclude each other; add one by one", "(C:1)", am::to_string(m));
  }
  {
    am::Machine m{{
        {"A", {.automatic = true, .require = {"B"}}},
        {"B", {.add = {"D"}, .remove = {"C"}}},
        {"C", {.after = {"D"}}},
        {"D", {.add = {"E"}}},
        {"E", {}},
    }};
    m.add("C");
    m.add("B");
    quiz("B adds D, D adds E; A is automatic; add C, then B", "(A:1 B:1 D:1 E:1)",
         am::to_string(m));
  }
  fmt::print("{}\n", wrong == 0 ? "all as expected" : "something is wrong");
  return wrong == 0 ? 0 : 1;
}
