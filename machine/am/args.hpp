// Arguments of a mutation: typed values of any kind, and cheap named values for scripts.
#pragma once

#include <am/error.hpp>

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeindex>
#include <utility>
#include <variant>
#include <vector>

namespace am {

/// A named argument's value: what scripts, shells and log lines can write.
using Value = std::variant<bool, std::int64_t, double, std::string>;

/// Arguments of one mutation: at most one value of each C++ type, and named values.
/// An immutable value once passed; copies share their content. Empty ones cost no allocation.
/// Made implicitly from any struct: `m.add("Open", Key{...})`; several: `Args{Key{}}.with(Who{})`.
class Args {
 public:
  /// One typed value, type-erased.
  struct Typed {
    std::type_index type;
    std::shared_ptr<const void> value;
  };
  struct Named {
    std::string name;
    Value value;
    friend bool operator==(const Named&, const Named&) = default;
  };

  Args() = default;
  /// Arguments that hold `value`; T is any copyable or movable class.
  template <class T>
  requires(std::is_class_v<std::remove_cvref_t<T>> && !std::same_as<std::remove_cvref_t<T>, Args>)
      Args(T&& value) {  // NOLINT: implicit, so that a struct can be passed as it is
    put(typeid(std::remove_cvref_t<T>),
        std::make_shared<const std::remove_cvref_t<T>>(std::forward<T>(value)));
  }

  /// These arguments and `value` too, which replaces one of the same type.
  template <class T>
  requires std::is_class_v<std::remove_cvref_t<T>> Args with(T&& value)
  const {
    Args copy = detached();
    copy.put(typeid(std::remove_cvref_t<T>),
             std::make_shared<const std::remove_cvref_t<T>>(std::forward<T>(value)));
    return copy;
  }
  /// These arguments and a type-erased value, for codecs.
  Args with(Typed value) const {
    Args copy = detached();
    copy.put(value.type, std::move(value.value));
    return copy;
  }
  /// These arguments and a named value too, which replaces one of the same name.
  Args with(std::string name, Value value) const;
  /// The same for an integer of any type, which becomes an `std::int64_t`. Throws `Error`
  /// (invalid_argument) for one that is beyond it.
  template <std::integral T>
  requires(!std::same_as<std::remove_cv_t<T>, bool>) Args with(std::string name, T value)
  const {
    if constexpr (std::is_unsigned_v<T> && sizeof(T) >= sizeof(std::int64_t)) {
      if (value > static_cast<T>(std::numeric_limits<std::int64_t>::max())) refuse_number(name);
    }
    return with(std::move(name), Value(static_cast<std::int64_t>(value)));
  }

  bool empty() const noexcept { return data_ == nullptr; }
  /// The value of type T, or null.
  template <class T>
  const T* get_if() const noexcept {
    return static_cast<const T*>(find(typeid(T)));
  }
  /// The value called `name`, or null.
  const Value* get_if(std::string_view name) const noexcept;

  std::span<const Typed> typed() const noexcept;
  std::span<const Named> named() const noexcept;

 private:
  struct Data {
    std::vector<Typed> typed;
    std::vector<Named> named;
  };

  [[noreturn]] static void refuse_number(const std::string& name);
  Args detached() const;
  void put(std::type_index type, std::shared_ptr<const void> value);
  const void* find(std::type_index type) const noexcept;

  std::shared_ptr<Data> data_;
};

}  // namespace am
