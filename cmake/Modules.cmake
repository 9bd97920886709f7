# The three kinds of targets. Every CMakeLists.txt of the project is made of these.
#
#   am_library(NAME machine
#     SOURCES am/version.cpp
#     PUBLIC_LINK fmt::fmt
#     PRIVATE_LINK Threads::Threads)
#
# makes target am_machine, alias asyncmachine::machine. The calling folder is the include root and is
# installed, except internal/. Without SOURCES the library is header-only (INTERFACE).
#
#   am_test(NAME machine-test
#     SOURCES am/version.test.cpp
#     LINK asyncmachine::machine
#     TIMEOUT 30                   # seconds per ctest test, 60 when not given
#     LABELS slow                  # for ctest -L
#     SANITIZE thread address      # passes that include it; "address" when not given, "none" for no pass
#     SERIAL                       # never beside another test: measures time
#     WHOLE                        # one ctest test for the executable, not one per test case
#     LONG "Suite.*")              # cases that AM_WHOLE_TESTS leaves out
#
# makes a GoogleTest executable. The sanitizer passes add the labels tsan and asan. ctest runs each
# case in a process of its own; with AM_WHOLE_TESTS it also runs all cases in one (label whole), where
# what one leaves behind meets the next.
#
#   am_program(NAME file-pipeline SOURCES main.cpp LINK asyncmachine::rpc)
#
# makes an executable. Programs and tests are put into bin/ of the build folder.

# Adds those of the folders that have a CMakeLists.txt.
function(am_add_folders)
  foreach(folder IN LISTS ARGN)
    if(EXISTS ${PROJECT_SOURCE_DIR}/${folder}/CMakeLists.txt)
      add_subdirectory(${PROJECT_SOURCE_DIR}/${folder} ${PROJECT_BINARY_DIR}/${folder})
    endif()
  endforeach()
endfunction()

# A misspelt keyword must not be swallowed by the list before it.
macro(am_check_arguments function)
  if(NOT arg_NAME)
    message(FATAL_ERROR "${function}: NAME is missing")
  elseif(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "${function}(NAME ${arg_NAME}): unknown: ${arg_UNPARSED_ARGUMENTS}")
  endif()
endmacro()

function(am_library)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME" "SOURCES;PUBLIC_LINK;PRIVATE_LINK")
  am_check_arguments(am_library)
  set(target am_${arg_NAME})
  set(scope PUBLIC)

  if(arg_SOURCES)
    add_library(${target} ${arg_SOURCES})
    am_warnings(${target})
    target_link_libraries(${target} PRIVATE ${arg_PRIVATE_LINK})
    set_target_properties(${target} PROPERTIES
      CXX_EXTENSIONS OFF
      POSITION_INDEPENDENT_CODE ON
      DEFINE_SYMBOL ""  # shared and static objects are the same, so ccache compiles them once
      VERSION ${PROJECT_VERSION}
      SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  else()
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
  endif()

  add_library(asyncmachine::${arg_NAME} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${arg_NAME})
  target_compile_features(${target} ${scope} cxx_std_20)
  target_link_libraries(${target} ${scope} ${arg_PUBLIC_LINK})
  target_include_directories(${target} ${scope}
    $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}>
    $<INSTALL_INTERFACE:include>)

  am_check_headers(${target})
  am_install_library(${target} "${arg_PUBLIC_LINK}" "${arg_PRIVATE_LINK}")
endfunction()

function(am_program)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME" "SOURCES;LINK")
  am_check_arguments(am_program)
  add_executable(${arg_NAME} ${arg_SOURCES})
  am_warnings(${arg_NAME})
  target_compile_features(${arg_NAME} PRIVATE cxx_std_20)
  target_link_libraries(${arg_NAME} PRIVATE ${arg_LINK})
  set_target_properties(${arg_NAME} PROPERTIES
    CXX_EXTENSIONS OFF
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
endfunction()

function(am_test)
  cmake_parse_arguments(PARSE_ARGV 0 arg "SERIAL;WHOLE" "NAME;TIMEOUT;LONG"
                        "SOURCES;LINK;LABELS;SANITIZE")
  am_check_arguments(am_test)
  if(NOT AM_BUILD_TESTS)
    return()
  endif()
  if(NOT DEFINED arg_TIMEOUT)
    set(arg_TIMEOUT 60)
  endif()
  if(NOT DEFINED arg_SANITIZE)
    set(arg_SANITIZE address)
  endif()

  am_program(NAME ${arg_NAME} SOURCES ${arg_SOURCES} LINK ${arg_LINK} GTest::gtest_main)

  # A test outside this build's sanitizer pass is neither built by default nor known to ctest.
  if(AM_SANITIZE_PASS)
    if(NOT AM_SANITIZE_PASS IN_LIST arg_SANITIZE)
      set_target_properties(${arg_NAME} PROPERTIES EXCLUDE_FROM_ALL ON)
      return()
    endif()
    add_dependencies(am_sanitize_tests ${arg_NAME})
    if(AM_SANITIZE_PASS STREQUAL "thread")
      target_sources(${arg_NAME} PRIVATE ${PROJECT_SOURCE_DIR}/tests/thread_sanitizer.cpp)
    endif()
  endif()

  if(thread IN_LIST arg_SANITIZE)
    list(APPEND arg_LABELS tsan)
  endif()
  if(address IN_LIST arg_SANITIZE)
    list(APPEND arg_LABELS asan)
  endif()

  if(arg_WHOLE)
    add_test(NAME ${arg_NAME} COMMAND ${arg_NAME})
    set_tests_properties(${arg_NAME} PROPERTIES
      LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT} RUN_SERIAL ${arg_SERIAL})
    return()
  endif()

  # PRE_TEST: the list of cases is read when ctest runs, so a build never executes what it built.
  gtest_discover_tests(${arg_NAME}
    DISCOVERY_MODE PRE_TEST
    DISCOVERY_TIMEOUT 60
    NO_PRETTY_TYPES
    NO_PRETTY_VALUES
    TEST_PREFIX ${arg_NAME}.
    PROPERTIES TIMEOUT ${arg_TIMEOUT} RUN_SERIAL ${arg_SERIAL})
  # PROPERTIES takes no lists, so the labels are set in a file that ctest reads after the cases.
  set(labels_file ${CMAKE_CURRENT_BINARY_DIR}/${arg_NAME}_labels.cmake)
  file(CONFIGURE OUTPUT ${labels_file} CONTENT [[
if(@arg_NAME@_TESTS)
  set_tests_properties(${@arg_NAME@_TESTS} PROPERTIES LABELS "@arg_LABELS@")
endif()
]] @ONLY)
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${labels_file})

  if(AM_WHOLE_TESTS AND NOT AM_SANITIZE)
    add_test(NAME ${arg_NAME}.whole COMMAND ${arg_NAME} "--gtest_filter=-${arg_LONG}")
    set_tests_properties(${arg_NAME}.whole PROPERTIES
      LABELS whole TIMEOUT 300 RUN_SERIAL ${arg_SERIAL})
  endif()
endfunction()

if(AM_BUILD_TESTS)
  include(GoogleTest)
endif()
