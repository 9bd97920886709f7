# Finds the C++ Actor Framework and defines CAF::core and CAF_VERSION. Newer releases install a CMake
# config of their own; Debian's package has none, so there we look for the header and the library.
# Installed with our package, because a static library of ours carries the link to CAF::core.

find_package(CAF ${CAF_FIND_VERSION} CONFIG QUIET COMPONENTS core)
if(TARGET CAF::core)
  set(CAF_FOUND ON)
  return()
endif()

find_path(CAF_INCLUDE_DIR caf/config.hpp)
find_library(CAF_CORE_LIBRARY caf_core)
mark_as_advanced(CAF_INCLUDE_DIR CAF_CORE_LIBRARY)

if(CAF_INCLUDE_DIR)
  # "#define CAF_VERSION 1706" is 0.17.6.
  file(STRINGS ${CAF_INCLUDE_DIR}/caf/config.hpp CAF_VERSION REGEX "^#define CAF_VERSION [0-9]+")
  if(CAF_VERSION MATCHES "CAF_VERSION ([0-9]+)")
    math(EXPR major "${CMAKE_MATCH_1} / 10000")
    math(EXPR minor "${CMAKE_MATCH_1} / 100 % 100")
    math(EXPR patch "${CMAKE_MATCH_1} % 100")
    set(CAF_VERSION ${major}.${minor}.${patch})
  endif()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(CAF
  REQUIRED_VARS CAF_CORE_LIBRARY CAF_INCLUDE_DIR
  VERSION_VAR CAF_VERSION)

if(CAF_FOUND)
  find_package(Threads REQUIRED)
  add_library(CAF::core UNKNOWN IMPORTED)
  set_target_properties(CAF::core PROPERTIES
    IMPORTED_LOCATION ${CAF_CORE_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${CAF_INCLUDE_DIR}
    INTERFACE_LINK_LIBRARIES Threads::Threads)
endif()
