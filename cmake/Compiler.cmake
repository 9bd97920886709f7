# Build type and compiler launcher. Both are the host's business when the project is embedded.

if(NOT PROJECT_IS_TOP_LEVEL)
  return()
endif()

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Build type" FORCE)
endif()

# For editors and clang tools.
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

find_program(AM_CCACHE ccache DOC "Compiler cache, used when found")
mark_as_advanced(AM_CCACHE)
if(AM_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # NOHASHDIR: a new build folder is filled from the cache. The working directory would only matter
  # for relative source paths, and sources are passed with absolute ones.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_NOHASHDIR=1 ${AM_CCACHE})
endif()
