# Build target am_headers: every public header compiles alone. Not part of `all`; scripts/check builds it.

if(PROJECT_IS_TOP_LEVEL)
  add_custom_target(am_headers)
endif()

# am_check_headers(TARGET): one generated source per public header of the calling folder, each of
# which includes nothing else. The headers are globbed so that none can be forgotten.
function(am_check_headers target)
  get_property(done DIRECTORY PROPERTY am_headers_checked)
  if(NOT PROJECT_IS_TOP_LEVEL OR done)
    return()
  endif()
  set_property(DIRECTORY PROPERTY am_headers_checked ON)
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS
       RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/am/*.hpp)
  list(FILTER headers EXCLUDE REGEX "/internal/|_test[.]hpp$")
  set(sources)
  foreach(header IN LISTS headers)
    set(source ${CMAKE_CURRENT_BINARY_DIR}/${target}_headers/${header}.cpp)
    file(CONFIGURE OUTPUT ${source} CONTENT "#include <${header}>\n")
    list(APPEND sources ${source})
  endforeach()
  if(sources)
    add_library(${target}_headers OBJECT EXCLUDE_FROM_ALL ${sources})
    am_warnings(${target}_headers)
    set_target_properties(${target}_headers PROPERTIES CXX_EXTENSIONS OFF)
    target_link_libraries(${target}_headers PRIVATE ${target})
    add_dependencies(am_headers ${target}_headers)
  endif()
endfunction()
