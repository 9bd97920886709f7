// One shape for the many functions that `then` takes.
#pragma once

#include <am/error.hpp>

#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

namespace am::detail {

/// A function of `T`, or of nothing, which may be one that only moves, as a copyable one of `T`.
/// Throws `Error` (invalid_argument) for an empty one.
template <class T, class F>
std::function<void(T)> function_of(F fn) {
  static_assert(std::invocable<F&, T> || std::invocable<F&>,
                "a continuation takes the outcome, or nothing");
  if constexpr (std::constructible_from<F, std::nullptr_t> && requires { fn == nullptr; }) {
    if (fn == nullptr) {
      throw Error(Errc::invalid_argument,
                  "an empty function was passed to then(): give it something to call, or do not "
                  "attach it");
    }
  }
  if constexpr (!std::copy_constructible<F>) {
    const auto shared = std::make_shared<F>(std::move(fn));
    if constexpr (std::invocable<F&, T>) {
      return [shared](T value) { (void)(*shared)(std::move(value)); };
    } else {
      return [shared](T) { (void)(*shared)(); };
    }
  } else if constexpr (std::invocable<F&, T>) {
    return [fn = std::move(fn)](T value) mutable { (void)fn(std::move(value)); };
  } else {
    return [fn = std::move(fn)](T) mutable { (void)fn(); };
  }
}

}  // namespace am::detail
