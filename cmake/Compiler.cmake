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
  # A new build folder, and a new clone elsewhere, are filled from the cache: NOHASHDIR leaves the
  # working directory out of what is compared, and BASEDIR makes paths below it relative.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
    CCACHE_NOHASHDIR=1 CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} ${AM_CCACHE})
endif()
