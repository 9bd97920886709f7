// Memory that a thread keeps for the next call.
#pragma once

#include <utility>

namespace am::detail {

/// The calling thread's T for `Use`, made at first use. Other than a plain thread_local object it
/// may be used while static objects are destroyed, when those of the main thread are gone already.
template <class T, class Use>
T& thread_scratch() {
  thread_local T* object = nullptr;
  if (object == nullptr) [[unlikely]] {
    struct Owner {
      T*& owned;
      ~Owner() { delete std::exchange(owned, nullptr); }
    };
    object = new T;
    thread_local const Owner owner{object};  // once: what is made after its end stays
  }
  return *object;
}

}  // namespace am::detail
