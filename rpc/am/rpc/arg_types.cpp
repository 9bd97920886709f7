#include <am/rpc/arg_types.hpp>

#include <am/error.hpp>
#include <am/rpc/internal/bytes.hpp>

#include <cxxabi.h>
#include <algorithm>
#include <bit>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <type_traits>
#include <utility>
#include <variant>

namespace am::rpc {

namespace {

// The form of arguments on the wire, here and nowhere else:
//   count of typed values; for each: name, size in bytes, what the type's codec wrote
//   count of named values; for each: name, kind, value
// No arguments are no bytes.
enum class ValueKind : std::uint8_t { no, yes, integer, real, text };
constexpr std::uint64_t last_kind = static_cast<std::uint64_t>(ValueKind::text);

using internal::Reader;
using internal::Writer;

/// The type's name as the programmer wrote it.
std::string readable(std::type_index type) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(
      abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), &std::free);
  return status == 0 ? text.get() : type.name();
}

/// A name from the network, fit for a log.
std::string printable(std::string_view name) {
  std::string text{name};
  std::ranges::replace_if(
      text, [](unsigned char c) { return c < 0x20 || c > 0x7e; }, '?');
  return text;
}

[[noreturn]] void refuse(const std::string& message) {
  throw Error(Errc::invalid_argument, message);
}

void check_count(std::size_t count, const ArgLimits& limits) {
  if (count > limits.values) {
    refuse("a mutation has " + std::to_string(count) + " arguments of one sort; the limit is " +
           std::to_string(limits.values));
  }
}

void write_value(const Value& value, Writer& writer) {
  const auto kind = [&](ValueKind k) { writer.varint(static_cast<std::uint64_t>(k)); };
  std::visit(
      [&](const auto& content) {
        using T = std::decay_t<decltype(content)>;
        if constexpr (std::is_same_v<T, bool>) {
          kind(content ? ValueKind::yes : ValueKind::no);
        } else if constexpr (std::is_same_v<T, std::int64_t>) {
          kind(ValueKind::integer);
          writer.zigzag(content);
        } else if constexpr (std::is_same_v<T, double>) {
          kind(ValueKind::real);
          writer.u64(std::bit_cast<std::uint64_t>(content));
        } else {
          kind(ValueKind::text);
          writer.text(content);
        }
      },
      value);
}

Value read_value(Reader& reader, const ArgLimits& limits) {
  switch (static_cast<ValueKind>(reader.varint("kind of a value", last_kind))) {
    case ValueKind::no: return false;
    case ValueKind::yes: return true;
    case ValueKind::integer: return reader.zigzag("integer");
    case ValueKind::real: return std::bit_cast<double>(reader.u64("real"));
    case ValueKind::text: return std::string{reader.text("text", limits.bytes)};
  }
  return false;
}

DecodedArgs failure(std::string error) { return {.args = {}, .error = std::move(error)}; }

std::string damage(const Reader& reader) {
  return std::string{"arguments are damaged at "} + reader.field() + ": " +
         to_string(reader.fault());
}

/// Puts a size in front of the bytes from `start` on.
void insert_size(std::vector<std::byte>& out, std::size_t start) {
  std::vector<std::byte> size;
  Writer(size).varint(out.size() - start);
  out.insert(out.begin() + static_cast<std::ptrdiff_t>(start), size.begin(), size.end());
}

}  // namespace

ArgTypes& ArgTypes::global() {
  // Never destroyed: static objects may register before main and use it after.
  static ArgTypes& types = *new ArgTypes;
  return types;
}

void ArgTypes::add(ArgType type) {
  if (type.name.empty() || type.name.size() > ArgLimits{}.name) {
    refuse("argument type " + readable(type.type) + " needs a name of 1 to " +
           std::to_string(ArgLimits{}.name) + " bytes");
  }
  const std::scoped_lock lock(mutex_);
  const auto of_type = types_.find(type.type);
  const auto of_name = by_name_.find(type.name);
  if (of_type != types_.end()) {
    if (of_type->second->name == type.name) return;
    refuse("argument type " + readable(type.type) + " is registered as \"" + of_type->second->name +
           "\" already; it cannot be \"" + type.name + "\" too");
  }
  if (of_name != by_name_.end()) {
    refuse("argument name \"" + type.name + "\" belongs to " + readable(of_name->second->type) +
           "; choose another for " + readable(type.type));
  }
  auto owned = std::make_unique<const ArgType>(std::move(type));
  by_name_.emplace(owned->name, owned.get());
  types_.emplace(owned->type, std::move(owned));
}

const ArgType* ArgTypes::find(std::type_index type) const {
  const std::shared_lock lock(mutex_);
  const auto found = types_.find(type);
  return found == types_.end() ? nullptr : found->second.get();
}

const ArgType* ArgTypes::find(std::string_view name) const {
  const std::shared_lock lock(mutex_);
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

std::string_view ArgTypes::name(std::type_index type) const {
  const ArgType* found = find(type);
  return found == nullptr ? std::string_view{} : found->name;
}

std::vector<std::string> ArgTypes::names() const {
  std::vector<std::string> names;
  {
    const std::shared_lock lock(mutex_);
    for (const auto& [name, type] : by_name_) names.emplace_back(name);
  }
  std::ranges::sort(names);
  return names;
}

void ArgTypes::encode(const Args& args, std::vector<std::byte>& out,
                      const ArgLimits& limits) const {
  if (args.empty()) return;
  const std::size_t start = out.size();
  const std::size_t end = start + limits.bytes;
  const auto check_size = [&](bool fits, const std::string& what) {
    if (fits && out.size() <= end) return;
    refuse(what + " does not fit: the arguments of a mutation may take " +
           std::to_string(limits.bytes) + " bytes");
  };
  try {
    check_count(args.typed().size(), limits);
    check_count(args.named().size(), limits);
    Writer writer(out, end);
    writer.varint(args.typed().size());
    for (const auto& typed : args.typed()) {
      const ArgType* type = find(typed.type);
      if (type == nullptr) {
        refuse("argument type " + readable(typed.type) +
               " is not registered, so it cannot be sent; add AM_ARGS(" + readable(typed.type) +
               ", \"a name\") from <am/cereal.hpp>");
      }
      const std::string what = "argument \"" + type->name + "\"";
      writer.text(type->name);
      const std::size_t content = out.size();
      try {
        ArgOutput output(out, end, limits.depth);
        type->encode(typed.value.get(), output);
        output.finish();
      } catch (const ArgFault& fault) {
        refuse(what + " " + fault.what());
      }
      insert_size(out, content);
      check_size(writer.ok(), what);
    }
    writer.varint(args.named().size());
    for (const auto& named : args.named()) {
      if (named.name.size() > limits.name) {
        refuse("an argument's name of " + std::to_string(named.name.size()) +
               " bytes is too long; the limit is " + std::to_string(limits.name));
      }
      writer.text(named.name);
      write_value(named.value, writer);
      check_size(writer.ok(), "argument \"" + named.name + "\"");
    }
    check_size(writer.ok(), "the number of arguments");
  } catch (...) {
    out.resize(start);
    throw;
  }
}

std::vector<std::byte> ArgTypes::encode(const Args& args, const ArgLimits& limits) const {
  std::vector<std::byte> out;
  encode(args, out, limits);
  return out;
}

DecodedArgs ArgTypes::decode(std::span<const std::byte> bytes, const ArgLimits& limits) const {
  if (bytes.empty()) return {};
  if (bytes.size() > limits.bytes) {
    return failure("arguments of " + std::to_string(bytes.size()) + " bytes; the limit is " +
                   std::to_string(limits.bytes));
  }
  DecodedArgs result;
  Reader reader(bytes);
  const std::size_t typed = reader.count("count of typed values", limits.values, 2);
  for (std::size_t i = 0; i < typed && reader.ok(); ++i) {
    const auto name = reader.text("name of a type", limits.name);
    const auto content = reader.blob("typed value", limits.bytes);
    if (!reader.ok()) break;
    const ArgType* type = find(name);
    if (type == nullptr) {
      return failure("argument type \"" + printable(name) + "\" is not registered here");
    }
    const std::string what = "argument \"" + type->name + "\"";
    if (std::ranges::find(result.args.typed(), type->type, &Args::Typed::type) !=
        result.args.typed().end()) {
      return failure(what + " is there twice");
    }
    try {
      ArgInput input(content, limits.depth);
      auto value = type->decode(input);
      if (input.remaining() != 0) {
        return failure(what + " has " + std::to_string(input.remaining()) + " bytes left over");
      }
      result.args = result.args.with(Args::Typed{type->type, std::move(value)});
    } catch (const std::exception& error) {
      return failure(what + " " + error.what());
    } catch (...) {
      return failure(what + " cannot be read");
    }
  }
  const std::size_t named = reader.count("count of named values", limits.values, 2);
  for (std::size_t i = 0; i < named && reader.ok(); ++i) {
    const auto name = reader.text("name of a value", limits.name);
    Value value = read_value(reader, limits);
    if (!reader.ok()) break;
    if (result.args.get_if(name) != nullptr) {
      return failure("argument \"" + printable(name) + "\" is there twice");
    }
    result.args = result.args.with(std::string{name}, std::move(value));
  }
  if (reader.ok() && typed + named == 0) return failure("arguments without any");
  if (!reader.finish()) return failure(damage(reader));
  return result;
}

}  // namespace am::rpc
