// What a client wants to follow, and the names that a server answers with: one form each, and a
// choice that can be read selects states or says what is wrong.
#include "target.hpp"

#include <am/rpc/internal/sync_choice.hpp>

#include <algorithm>
#include <array>

namespace {

namespace rpc = am::rpc::internal;
using fuzz::require;

bool same(const rpc::Bytes& written, rpc::ByteView all, const rpc::Reader& reader) {
  return std::ranges::equal(written, all.first(all.size() - reader.remaining()));
}

void check_choice(rpc::ByteView bytes) {
  rpc::Reader reader(bytes);
  am::rpc::SyncOptions choice;
  if (!rpc::read_choice(reader, {}, choice)) return require(rpc::is_default(choice));
  rpc::Bytes again;
  rpc::Writer writer(again);
  rpc::write_choice(writer, choice);
  require(same(again, bytes, reader));

  static constexpr std::array<std::string_view, 4> names{"A", "B", "C", "Exception"};
  const auto resolved = rpc::resolve(choice, names);
  require(resolved.filter.has_value() == resolved.error.empty());
  if (!resolved.filter) return;
  require(resolved.filter->states() == names.size());
  for (const auto& name : choice.skip) {
    const auto at = std::ranges::find(names, name) - names.begin();
    require(!resolved.filter->tracks(static_cast<am::StateIndex>(at)));
  }
}

void check_names(rpc::ByteView bytes) {
  rpc::Reader reader(bytes);
  std::size_t states = 0;
  std::vector<rpc::NamedState> named;
  if (!rpc::read_names(reader, {}, states, named)) return require(named.empty());
  require(named.size() <= states && states <= rpc::Limits{}.states);
  std::vector<std::string_view> names(states);
  std::vector<am::StateIndex> tracked;
  for (const auto& state : named) {
    require(state.index < states && (tracked.empty() || tracked.back() < state.index));
    tracked.push_back(state.index);
    names[state.index] = state.name;
  }
  rpc::Bytes again;
  rpc::Writer writer(again);
  rpc::write_names(writer, rpc::ClockFilter(states, tracked, rpc::Depth::deep), names);
  require(same(again, bytes, reader));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span{data, size});
  check_choice(bytes);
  check_names(bytes);
  return 0;
}
