# AM_FUZZ: instruments everything for libFuzzer, with clang, and builds the targets of tests/fuzz as fuzzers.

option(AM_FUZZ "Build the fuzzers of tests/fuzz (needs clang)" OFF)
if(NOT AM_FUZZ)
  return()
endif()
if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  message(FATAL_ERROR "AM_FUZZ needs clang: configure with -DCMAKE_CXX_COMPILER=clang++-14")
endif()
add_compile_options(-fsanitize=fuzzer-no-link,address -fno-omit-frame-pointer)
add_link_options(-fsanitize=address)
