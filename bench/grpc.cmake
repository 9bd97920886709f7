# gRPC C++, which Debian describes to pkg-config only. For the comparison in am-bench.

# am_find_grpc(RESULT): whether the library, protoc and its plugin are there.
function(am_find_grpc result)
  find_package(PkgConfig QUIET)
  find_program(AM_PROTOC protoc)
  find_program(AM_GRPC_PLUGIN grpc_cpp_plugin)
  mark_as_advanced(AM_PROTOC AM_GRPC_PLUGIN)
  if(PkgConfig_FOUND)
    pkg_check_modules(AM_GRPC QUIET IMPORTED_TARGET GLOBAL grpc++ protobuf)
  endif()
  if(AM_GRPC_FOUND AND AM_PROTOC AND AM_GRPC_PLUGIN)
    set(${result} TRUE PARENT_SCOPE)
  else()
    set(${result} FALSE PARENT_SCOPE)
  endif()
endfunction()

# am_grpc_library(NAME FILE.proto): a library of the generated stubs, compiled without our warnings.
function(am_grpc_library name proto)
  get_filename_component(stem ${proto} NAME_WE)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${name})
  set(generated ${out}/${stem}.pb.cc ${out}/${stem}.grpc.pb.cc)
  add_custom_command(OUTPUT ${generated}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${out}
    COMMAND ${AM_PROTOC} --proto_path=${CMAKE_CURRENT_SOURCE_DIR} --cpp_out=${out} --grpc_out=${out}
            --plugin=protoc-gen-grpc=${AM_GRPC_PLUGIN} ${CMAKE_CURRENT_SOURCE_DIR}/${proto}
    DEPENDS ${proto})
  add_library(${name} STATIC ${generated})
  target_compile_features(${name} PUBLIC cxx_std_20)
  target_include_directories(${name} SYSTEM PUBLIC ${out})
  target_link_libraries(${name} PUBLIC PkgConfig::AM_GRPC)
endfunction()
