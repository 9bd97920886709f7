// Text forms: any format, and any text in names, errors and arguments.
#include "target.hpp"

#include <am/log.hpp>
#include <am/machine.hpp>
#include <am/snapshot.hpp>

#include <fmt/format.h>

#include <memory>

namespace {

using fuzz::require;

template <class T>
void format(const std::string& spec, const T& value) {
  try {
    static_cast<void>(fmt::format(fmt::runtime("{" + spec + "}"), value));
  } catch (const fmt::format_error&) {  // a spec that there is not
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input in(data, size);
  const auto spec = in.text(5);  // short, as a width is memory
  const auto id = in.text(20);
  const auto cut = in.below(30);
  const auto words = in.rest();

  std::size_t lines = 0;  // before the machine, which logs until its end
  am::Machine m{{{"A", {.multi = true}}, {"B", {.require = {"A"}}}, {"C", {.remove = {"A"}}}},
                {.id = id}};
  am::attach_log(m, {.level = am::LogLevel::everything,
                     .args = am::ArgsMapper({id}, cut),
                     .sink = [&](am::LogLevel, std::string_view) { ++lines; }});
  m.on("BEnter", [&](am::Event&) { throw std::runtime_error(words); });
  m.add("A", am::Args{}.with(id, am::Value{words}));
  m.add("B");
  m.add({"A", "C"});
  m.add_error({words, id});
  m.log(words);
  require(lines > 0);
  require(m.last_error()->message == words);

  format(spec, m);
  format(spec, m.time());
  format(spec, m.tick("A"));
  format(spec, m.add("B"));
  format(spec, am::Result::canceled);
  format(spec, am::Reason::handler);
  format(spec, m.state("A"));
  for (const auto form : {am::Form::active, am::Form::all, am::Form::inspect}) {
    require(!am::to_string(m, form).empty());
  }
  require(am::truncated(words, cut).size() <= std::max(cut, words.size()));
  require(am::truncated(words, cut).size() <= cut || words.size() <= cut);
  require(am::Snapshot::from_text(m.save().to_text()) == m.save());
  try {
    const auto read = am::Snapshot::from_text(words);
    require(am::Snapshot::from_text(read.to_text()) == read);
  } catch (const am::Error& error) {
    require(error.code() == am::Errc::invalid_argument);
  }
  static_cast<void>(am::ArgsMapper({id}, cut).text(am::Args{}.with(id, am::Value{words})));
  return 0;
}
