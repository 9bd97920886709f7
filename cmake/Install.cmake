# Installation: libraries, public headers and a CMake package, all in component "asyncmachine", so that
# `cmake --install DIR --component asyncmachine` needs nothing built but the libraries.

include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(AM_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/asyncmachine)

# Build target am_libraries: all that is installed.
if(AM_INSTALL)
  add_custom_target(am_libraries)
endif()

# The package that brings an imported target, for find_dependency() in the installed config.
function(am_package_of target result)
  set(package "")
  if(target MATCHES "^(fmt|cereal|ZLIB|zstd|Threads|CAF)::")
    set(package ${CMAKE_MATCH_1})
  elseif(target STREQUAL "cppzmq")
    set(package cppzmq)
  elseif(NOT target MATCHES "^asyncmachine::")
    message(FATAL_ERROR "cmake/Install.cmake does not know the package of ${target}")
  endif()
  set(${result} "${package}" PARENT_SCOPE)
endfunction()

# am_install_library(TARGET PUBLIC_LINKS PRIVATE_LINKS): called by am_library.
function(am_install_library target public_links private_links)
  if(NOT AM_INSTALL)
    return()
  endif()
  add_dependencies(am_libraries ${target})
  install(TARGETS ${target} EXPORT asyncmachineTargets COMPONENT asyncmachine)
  install(DIRECTORY am DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT asyncmachine
          FILES_MATCHING PATTERN "*.hpp" PATTERN internal EXCLUDE PATTERN "*_test.hpp" EXCLUDE)

  # A static library passes its private links on to the final link; a shared one has done them.
  get_target_property(type ${target} TYPE)
  set(links ${public_links})
  if(type STREQUAL "STATIC_LIBRARY")
    list(APPEND links ${private_links})
  endif()
  foreach(link IN LISTS links)
    am_package_of(${link} package)
    set_property(GLOBAL APPEND PROPERTY am_packages ${package})
  endforeach()
endfunction()

# Called once, after all libraries.
function(am_install_package)
  if(NOT AM_INSTALL)
    return()
  endif()
  get_property(packages GLOBAL PROPERTY am_packages)
  list(REMOVE_DUPLICATES packages)
  set(AM_FIND_DEPENDENCIES "")
  foreach(package IN LISTS packages)
    string(APPEND AM_FIND_DEPENDENCIES "find_dependency(${package})\n")
    if(EXISTS ${PROJECT_SOURCE_DIR}/cmake/Find${package}.cmake)
      install(FILES ${PROJECT_SOURCE_DIR}/cmake/Find${package}.cmake
              DESTINATION ${AM_PACKAGE_DIR} COMPONENT asyncmachine)
    endif()
  endforeach()

  set(generated ${PROJECT_BINARY_DIR}/package)
  configure_package_config_file(
    ${PROJECT_SOURCE_DIR}/cmake/asyncmachineConfig.cmake.in ${generated}/asyncmachineConfig.cmake
    INSTALL_DESTINATION ${AM_PACKAGE_DIR}
    NO_SET_AND_CHECK_MACRO)
  # Before 1.0 a minor release may break the interface.
  write_basic_package_version_file(${generated}/asyncmachineConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
  install(EXPORT asyncmachineTargets NAMESPACE asyncmachine::
          DESTINATION ${AM_PACKAGE_DIR} COMPONENT asyncmachine)
  install(FILES
    ${generated}/asyncmachineConfig.cmake
    ${generated}/asyncmachineConfigVersion.cmake
    DESTINATION ${AM_PACKAGE_DIR} COMPONENT asyncmachine)
endfunction()
