// Which C++ types may be arguments of a remote mutation, and arguments as bytes.
#pragma once

#include <am/args.hpp>
#include <am/rpc/arg_codec.hpp>

#include <cstddef>
#include <memory>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <typeindex>
#include <unordered_map>
#include <vector>

namespace am::rpc {

/// One registered type. Usually made by `AM_ARGS` in am/cereal.hpp.
struct ArgType {
  /// What the type is called on the wire: equal in all processes that exchange it.
  std::string name;
  std::type_index type;
  /// Writes the value at `value`, which is of this type. May throw `ArgFault`.
  void (*encode)(const void* value, ArgOutput& out);
  /// Reads what `encode` wrote. Throws `ArgFault` (or any std::exception) for anything else.
  std::shared_ptr<const void> (*decode)(ArgInput& in);
};

/// Arguments that were read, or why they could not be.
struct DecodedArgs {
  Args args{};
  /// Empty when all is well; else what was wrong, for the log and for the caller.
  std::string error{};

  bool ok() const noexcept { return error.empty(); }
};

/// The types that may travel, by type and by name. Named values of `Args` always may.
/// All methods may be called from any thread, also before main; lookups share a lock that only
/// `add` holds exclusively.
class ArgTypes {
 public:
  /// The process's registry; made on first use and never destroyed.
  static ArgTypes& global();

  ArgTypes() = default;
  ArgTypes(ArgTypes&&) = delete;
  ArgTypes& operator=(ArgTypes&&) = delete;

  /// Registers a type. Again with the same type and name is harmless (a header that registers may
  /// be included often). Throws `Error` (invalid_argument) naming both when the name belongs to
  /// another type or the type has another name, and for names that are empty or above
  /// `ArgLimits::name`.
  void add(ArgType type);

  /// The name of a type; empty when it is not registered. Valid for ever.
  std::string_view name(std::type_index type) const;
  /// All names, sorted.
  std::vector<std::string> names() const;

  /// Appends `args` to `out`; empty arguments append nothing. Throws `Error` (invalid_argument),
  /// and leaves `out` as it was, when a type is not registered or a limit is exceeded; the message
  /// names the argument.
  void encode(const Args& args, std::vector<std::byte>& out, const ArgLimits& limits = {}) const;
  /// The same, as new bytes.
  std::vector<std::byte> encode(const Args& args, const ArgLimits& limits = {}) const;

  /// Reads what `encode` made, all of it. Never throws for anything in `bytes`: unknown names,
  /// missing or left over bytes and broken limits give an error. Takes memory in proportion to
  /// `bytes`, the factor being the size of the types' smallest elements on the wire against that in
  /// memory.
  DecodedArgs decode(std::span<const std::byte> bytes, const ArgLimits& limits = {}) const;

 private:
  const ArgType* find(std::type_index type) const;
  const ArgType* find(std::string_view name) const;

  mutable std::shared_mutex mutex_;
  std::unordered_map<std::type_index, std::unique_ptr<const ArgType>> types_;
  std::unordered_map<std::string_view, const ArgType*> by_name_;
};

}  // namespace am::rpc
