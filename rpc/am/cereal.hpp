// Arguments of your own types, for remote mutations: AM_ARGS and the archives behind it.
//
//   struct Key {
//     std::string id;
//     std::vector<int> teeth;
//     template <class Archive>
//     void serialize(Archive& archive) { archive(id, teeth); }
//   };
//   AM_ARGS(Key, "key")
//
// Link asyncmachine::cereal. Include it where a type is registered, not in headers that others
// share: cereal costs about a second for each file.
#pragma once

#include <am/rpc/arg_types.hpp>

#include <cstddef>
#include <limits>
#include <memory>
#include <span>
#include <type_traits>
#include <vector>

#include <cereal/cereal.hpp>
#include <cereal/types/array.hpp>
#include <cereal/types/chrono.hpp>
#include <cereal/types/common.hpp>
#include <cereal/types/map.hpp>
#include <cereal/types/optional.hpp>
#include <cereal/types/set.hpp>
#include <cereal/types/string.hpp>
#include <cereal/types/tuple.hpp>
#include <cereal/types/unordered_map.hpp>
#include <cereal/types/utility.hpp>
#include <cereal/types/variant.hpp>
#include <cereal/types/vector.hpp>

/// Registers class `type` to travel as `name`: at namespace scope, where `type` is complete; in any
/// number of files, also before main is entered. `type` needs a default constructor and cereal's
/// serialize, or save and load. Pointers, class versions and long double are refused by the
/// compiler. A name that belongs to another type throws `am::Error` at start.
#define AM_ARGS(type, name) AM_ARGS_REGISTER_(type, name, __COUNTER__)
#define AM_ARGS_REGISTER_(type, name, number) AM_ARGS_VARIABLE_(type, name, number)
#define AM_ARGS_VARIABLE_(type, name, number)               \
  namespace {                                               \
  [[maybe_unused]] const bool am_args_registered_##number = \
      ::am::rpc::register_arg_type<type>(name);             \
  }

namespace am::rpc {

namespace detail {

/// Writes what cereal walks over into an `ArgOutput`.
class ArgSave : public ::cereal::OutputArchive<ArgSave, ::cereal::AllowEmptyClassElision> {
 public:
  explicit ArgSave(ArgOutput& output) : OutputArchive(this), out(output) {}
  ArgOutput& out;
};

/// Fills what cereal walks over from an `ArgInput`.
class ArgLoad : public ::cereal::InputArchive<ArgLoad, ::cereal::AllowEmptyClassElision> {
 public:
  explicit ArgLoad(ArgInput& input) : InputArchive(this), in(input) {}
  ArgInput& in;
};

template <class T>
inline constexpr bool one_byte = std::is_arithmetic_v<T> && sizeof(T) == 1;

/// What `cereal::binary_data` points to.
template <class T>
using pointee = std::remove_cv_t<std::remove_pointer_t<std::decay_t<T>>>;

template <class T>
inline constexpr bool versioned =
    ::cereal::traits::has_member_versioned_serialize<T, ArgSave>::value ||
    ::cereal::traits::has_non_member_versioned_serialize<T, ArgSave>::value ||
    ::cereal::traits::has_member_versioned_save<T, ArgSave>::value ||
    ::cereal::traits::has_non_member_versioned_save<T, ArgSave>::value ||
    ::cereal::traits::has_member_versioned_save_minimal<T, ArgSave>::value ||
    ::cereal::traits::has_non_member_versioned_save_minimal<T, ArgSave>::value;

template <class T>
inline constexpr bool deferred = false;
template <class T>
inline constexpr bool deferred<::cereal::DeferredData<T>> = true;

template <class T>
inline constexpr bool pointer = false;
template <class T>
inline constexpr bool pointer<std::shared_ptr<T>> = true;
template <class T>
inline constexpr bool pointer<std::weak_ptr<T>> = true;
template <class T, class Deleter>
inline constexpr bool pointer<std::unique_ptr<T, Deleter>> = true;

// -- every value: cereal calls these around it
// ------------------------------------------------------

template <class T>
void prologue(ArgSave& archive, const T&) {
  static_assert(!versioned<T>, "arguments have no class versions: give serialize one parameter");
  static_assert(!pointer<T>,
                "arguments hold no pointers: use values, std::optional or std::vector");
  static_assert(!deferred<T>, "arguments cannot be deferred: serialize them directly");
  archive.out.enter();
}
template <class T>
void epilogue(ArgSave& archive, const T&) {
  archive.out.leave();
}
template <class T>
void prologue(ArgLoad& archive, const T&) {
  archive.in.enter();
}
template <class T>
void epilogue(ArgLoad& archive, const T&) {
  archive.in.leave();
}

// -- numbers --------------------------------------------------------------------------------------

template <class T>
requires std::is_arithmetic_v<T>
void save(ArgSave& archive, const T& value) {
  static_assert(!std::is_same_v<T, long double>,
                "long double differs between machines: use double");
  if constexpr (std::is_same_v<T, bool>) {
    archive.out.boolean(value);
  } else if constexpr (one_byte<T>) {
    archive.out.raw(std::as_bytes(std::span{&value, 1}));
  } else if constexpr (std::is_floating_point_v<T>) {
    archive.out.real(value);
  } else if constexpr (std::is_signed_v<T>) {
    archive.out.signed_number(value);
  } else {
    archive.out.number(value);
  }
}

template <class T>
requires std::is_arithmetic_v<T>
void load(ArgLoad& archive, T& value) {
  using Limits = std::numeric_limits<T>;
  if constexpr (std::is_same_v<T, bool>) {
    value = archive.in.boolean();
  } else if constexpr (one_byte<T>) {
    archive.in.raw(std::as_writable_bytes(std::span{&value, 1}));
  } else if constexpr (std::is_same_v<T, float>) {
    value = archive.in.real32();
  } else if constexpr (std::is_same_v<T, double>) {
    value = archive.in.real64();
  } else if constexpr (std::is_signed_v<T>) {
    value = static_cast<T>(archive.in.signed_number(Limits::min(), Limits::max()));
  } else {
    value = static_cast<T>(archive.in.number(Limits::max()));
  }
}

// -- cereal's wrappers
// ------------------------------------------------------------------------------

template <class T>
void save(ArgSave& archive, const ::cereal::NameValuePair<T>& pair) {
  archive(pair.value);
}
template <class T>
void load(ArgLoad& archive, ::cereal::NameValuePair<T>& pair) {
  archive(pair.value);
}

template <class T>
void save(ArgSave& archive, const ::cereal::SizeTag<T>& tag) {
  archive.out.count(static_cast<std::size_t>(tag.size));
}
template <class T>
void load(ArgLoad& archive, ::cereal::SizeTag<T>& tag) {
  tag.size = archive.in.count();
}

// Only for bytes: wider elements go one by one, as their order of bytes is the machine's.
template <class T>
requires one_byte<pointee<T>>
void save(ArgSave& archive, const ::cereal::BinaryData<T>& data) {
  archive.out.raw({static_cast<const std::byte*>(data.data), static_cast<std::size_t>(data.size)});
}
template <class T>
requires one_byte<pointee<T>>
void load(ArgLoad& archive, ::cereal::BinaryData<T>& data) {
  archive.in.raw({static_cast<std::byte*>(data.data), static_cast<std::size_t>(data.size)});
}

// -- vectors grow with what is read: a hostile count makes nothing large
// ------------------------------

template <class T, class Allocator>
requires(!std::is_same_v<T, bool> && !one_byte<T>) void load(ArgLoad& archive,
                                                             std::vector<T, Allocator>& vector) {
  const std::size_t size = archive.in.count();
  vector.clear();
  for (std::size_t i = 0; i < size; ++i) archive(vector.emplace_back());
}

}  // namespace detail

/// What `AM_ARGS` does. Returns true.
template <class T>
bool register_arg_type(const char* name) {
  static_assert(std::is_class_v<T>, "AM_ARGS takes a class or struct");
  static_assert(std::is_default_constructible_v<T>,
                "AM_ARGS needs a default constructor, to read into");
  ArgTypes::global().add({
      .name = name,
      .type = typeid(T),
      .encode =
          [](const void* value, ArgOutput& out) {
            detail::ArgSave archive(out);
            archive(*static_cast<const T*>(value));
          },
      .decode = [](ArgInput& in) -> std::shared_ptr<const void> {
        auto value = std::make_shared<T>();
        detail::ArgLoad archive(in);
        archive(*value);
        return value;
      },
  });
  return true;
}

}  // namespace am::rpc

CEREAL_SETUP_ARCHIVE_TRAITS(am::rpc::detail::ArgLoad, am::rpc::detail::ArgSave)
