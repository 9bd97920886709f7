// One shape for the many functions that `then` takes.
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

namespace am::detail {

/// A function of `T`, or of nothing, which may be one that only moves, as a copyable one of `T`.
template <class T, class F>
std::function<void(T)> function_of(F fn) {
  static_assert(std::invocable<F&, T> || std::invocable<F&>,
                "a continuation takes the outcome, or nothing");
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
