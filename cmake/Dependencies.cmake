# All packages, found in one place. fmt is required; a part of the project whose packages are missing
# switches itself off with am_part_needs().

# Global, because a host that embeds the project links against these through our libraries.
set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL ON)
set(THREADS_PREFER_PTHREAD_FLAG ON)

find_package(Threads REQUIRED)
find_package(fmt REQUIRED)

find_package(CAF QUIET)
find_package(cppzmq QUIET)
find_package(cereal QUIET)
find_package(ZLIB QUIET)
find_package(zstd QUIET)
find_package(OpenSSL QUIET COMPONENTS Crypto)
find_package(CLI11 QUIET)
find_package(nlohmann_json QUIET)
find_package(Asio QUIET)

if(AM_BUILD_TESTS)
  find_package(GTest QUIET)
  find_package(Python3 QUIET COMPONENTS Interpreter)
  if(NOT TARGET GTest::gtest_main)
    message(STATUS "asyncmachine: tests are off: GoogleTest is missing (libgtest-dev)")
    set(AM_BUILD_TESTS OFF)
  endif()
endif()

# am_part_needs(PART TARGET...): leaves the calling CMakeLists.txt, with a message, when one of the
# imported targets does not exist. A macro, so that return() acts on the caller.
#
#   am_part_needs(rpc cppzmq cereal::cereal)
macro(am_part_needs part)
  foreach(am_needed IN ITEMS ${ARGN})
    if(NOT TARGET ${am_needed})
      message(STATUS "asyncmachine: ${part} is off: ${am_needed} is missing (see scripts/packages.txt)")
      return()
    endif()
  endforeach()
endmacro()
