#include <am/rpc/internal/schema_codec.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace am::rpc::internal {

namespace {

// Flags of a state. A list follows only where its flag is set, in this order.
constexpr unsigned flag_automatic = 0x01;
constexpr unsigned flag_multi = 0x02;
constexpr unsigned flag_require = 0x04;
constexpr unsigned flag_add = 0x08;
constexpr unsigned flag_remove = 0x10;
constexpr unsigned flag_after = 0x20;
constexpr unsigned flag_tags = 0x40;
constexpr unsigned all_flags = 0x7F;

using Relation = std::vector<StateName>;
using Positions = std::unordered_map<std::string_view, std::size_t>;

bool encode_relation(const Relation& relation, const Positions& positions, Writer& writer) {
  if (relation.empty()) return true;
  writer.varint(relation.size());
  for (const StateName& name : relation) {
    const auto found = positions.find(name.text);
    if (found == positions.end()) return false;
    writer.varint(found->second);
  }
  return true;
}

bool encode_state(const State& state, const Positions& positions, Writer& writer) {
  writer.u8(static_cast<std::uint8_t>(
      (state.automatic ? flag_automatic : 0U) | (state.multi ? flag_multi : 0U) |
      (state.require.empty() ? 0U : flag_require) | (state.add.empty() ? 0U : flag_add) |
      (state.remove.empty() ? 0U : flag_remove) | (state.after.empty() ? 0U : flag_after) |
      (state.tags.empty() ? 0U : flag_tags)));
  for (const Relation* relation : {&state.require, &state.add, &state.remove, &state.after}) {
    if (!encode_relation(*relation, positions, writer)) return false;
  }
  if (!state.tags.empty()) {
    writer.varint(state.tags.size());
    for (const std::string& tag : state.tags) writer.text(tag);
  }
  return true;
}

// -- reading -------------------------------------------------------------------------------------

// Reads all names, then all states, so that a relation may name a later state.
class SchemaReader {
 public:
  SchemaReader(ByteView bytes, const Limits& limits) : reader_(bytes), limits_(limits) {}

  DecodedSchema read() {
    read_names();
    for (std::size_t i = 0; i < entries_.size() && good(); ++i) read_state(i);
    reader_.finish();
    if (!reader_.ok() && error_.empty()) {
      error_ = fmt::format("{}: {}", reader_.field(), to_string(reader_.fault()));
    }
    if (error_.empty()) check_exception();
    if (!error_.empty()) return {std::nullopt, std::move(error_)};
    return {Schema{std::move(entries_)}, {}};
  }

 private:
  bool good() const noexcept { return reader_.ok() && error_.empty(); }

  // Counts what is about to be allocated.
  bool spend(std::size_t bytes) {
    memory_ += bytes;
    if (memory_ > limits_.schema_memory) {
      error_ = fmt::format("the schema takes more than {} bytes", limits_.schema_memory);
    }
    return good();
  }

  void read_names() {
    // A name takes at least two bytes, and its state another one.
    const std::size_t count = reader_.count("schema.states", limits_.states, 3);
    if (!good() || !spend(count * sizeof(Schema::Entry))) return;
    entries_.reserve(count);
    names_.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      const std::string_view name = reader_.text("schema.name", max_state_name);
      if (!good()) return;
      check_name(name);
      if (!spend(name.size()) || !error_.empty()) return;
      names_.emplace_back(name);
      entries_.push_back({StateName{name}, State{}});
    }
  }

  void check_name(std::string_view name) {
    const auto unprintable = [](char c) {
      return static_cast<unsigned char>(c) <= ' ' || c == '\x7f';
    };
    if (name.empty()) {
      error_ = "a state has an empty name";
    } else if (std::ranges::any_of(name, unprintable)) {
      error_ = "a state's name has a space or control character";
    } else if (name == "Any") {
      error_ = "state \"Any\" is reserved";
    } else if (!positions_.emplace(name, positions_.size()).second) {
      error_ = fmt::format("state \"{}\" comes twice", name);
    }
  }

  void read_state(std::size_t index) {
    State& state = entries_[index].state;
    const unsigned flags = reader_.u8("schema.flags");
    if ((flags & ~all_flags) != 0) reader_.fail(Fault::value, "schema.flags");
    state.automatic = (flags & flag_automatic) != 0;
    state.multi = (flags & flag_multi) != 0;
    if ((flags & flag_require) != 0) read_relation("schema.require", state.require);
    if ((flags & flag_add) != 0) read_relation("schema.add", state.add);
    if ((flags & flag_remove) != 0) read_relation("schema.remove", state.remove);
    if ((flags & flag_after) != 0) read_relation("schema.after", state.after);
    if ((flags & flag_tags) != 0) read_tags(state.tags);
    if (good()) check_conflict(names_[index], state);
  }

  void read_relation(const char* field, Relation& relation) {
    if (!good()) return;
    const std::size_t count = reader_.count(field, limits_.states);
    if (count == 0) reader_.fail(Fault::value, field);
    if (!good() || !spend(count * sizeof(StateName))) return;
    relation.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint64_t index = reader_.varint(field);
      if (index >= names_.size()) reader_.fail(Fault::value, field);
      if (!good() || !spend(names_[index].size())) return;
      relation.emplace_back(names_[index]);
    }
  }

  void read_tags(std::vector<std::string>& tags) {
    if (!good()) return;
    const std::size_t count = reader_.count("schema.tags", limits_.tags);
    if (count == 0) reader_.fail(Fault::value, "schema.tags");
    if (!good() || !spend(count * sizeof(std::string))) return;
    tags.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      const std::string_view tag = reader_.text("schema.tag", limits_.tag);
      if (!good() || !spend(tag.size())) return;
      tags.emplace_back(tag);
    }
  }

  // The names of both lists are those of names_, so equal text is the same state. Own names leave
  // `remove` before a machine looks for conflicts, and so does what is in `add`.
  void check_conflict(std::string_view name, const State& state) {
    if (state.require.empty() || state.remove.empty()) return;
    marks_.assign(names_.size(), false);
    for (const StateName& required : state.require) marks_[positions_.at(required.text)] = true;
    marks_[positions_.at(name)] = false;
    for (const StateName& added : state.add) marks_[positions_.at(added.text)] = false;
    for (const StateName& removed : state.remove) {
      if (marks_[positions_.at(removed.text)]) {
        error_ = fmt::format("state \"{}\" requires and removes \"{}\"", name, removed.text);
        return;
      }
    }
  }

  void check_exception() {
    if (!positions_.contains(exception_state)) {
      error_ = fmt::format("the schema has no state \"{}\"", exception_state);
    }
  }

  Reader reader_;
  const Limits& limits_;
  std::vector<Schema::Entry> entries_;
  std::vector<std::string_view> names_;  // in the received bytes
  Positions positions_;
  std::vector<bool> marks_;
  std::size_t memory_ = 0;
  std::string error_;
};

}  // namespace

bool encode_schema(const Schema& schema, Writer& writer) {
  Positions positions;
  writer.varint(schema.entries().size());
  for (const Schema::Entry& entry : schema.entries()) {
    positions.emplace(entry.name.text, positions.size());
    writer.text(entry.name.text);
  }
  for (const Schema::Entry& entry : schema.entries()) {
    if (!encode_state(entry.state, positions, writer)) return false;
  }
  return writer.ok();
}

DecodedSchema decode_schema(ByteView bytes, const Limits& limits) {
  return SchemaReader{bytes, limits}.read();
}

}  // namespace am::rpc::internal
