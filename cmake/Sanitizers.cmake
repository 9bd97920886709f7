# Applies AM_SANITIZE to everything below this folder, and names the pass: am_test compares
# AM_SANITIZE_PASS with its SANITIZE list to decide which tests belong into this build.

set(AM_SANITIZE_PASS "")
if(NOT AM_SANITIZE)
  return()
elseif(AM_SANITIZE STREQUAL "thread")
  set(AM_SANITIZE_PASS thread)
elseif(AM_SANITIZE STREQUAL "address;undefined")
  set(AM_SANITIZE_PASS address)
else()
  message(FATAL_ERROR "AM_SANITIZE is \"${AM_SANITIZE}\"; use \"thread\" or \"address;undefined\"")
endif()

list(JOIN AM_SANITIZE "," sanitizers)
# The first report ends the program: a test that goes on after one proves nothing.
add_compile_options(-fsanitize=${sanitizers} -fno-sanitize-recover=all -fno-omit-frame-pointer)
add_link_options(-fsanitize=${sanitizers})
# Between a sanitizer's checks g++ loses track of what an optional holds, and warns of members that nobody
# reads. The builds without sanitizers have the warning.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-Wno-maybe-uninitialized)
endif()
# Our assertions and those of the standard library cost little next to a sanitizer.
add_compile_definitions(_GLIBCXX_ASSERTIONS)
add_compile_options(-UNDEBUG)

# The build target of a sanitizer pass: its tests, and nothing else.
add_custom_target(am_sanitize_tests)
