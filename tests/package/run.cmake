# cmake -D how=installed|installed-shared|subdirectory ... -P run.cmake: one package test.
# Each starts from an empty scratch folder, so that nothing left over can help it.
cmake_minimum_required(VERSION 3.25)

function(run)
  execute_process(COMMAND ${ARGV} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# By the environment, because it is a list, which a command line would take apart.
set(ENV{CMAKE_CXX_COMPILER_LAUNCHER} "${launcher}")
# Other tests run at the same time and need the other cores.
set(ENV{CMAKE_BUILD_PARALLEL_LEVEL} 1)
set(options -G ${generator} -D CMAKE_CXX_COMPILER=${compiler} -D CMAKE_BUILD_TYPE=${build_type}
    -D CMAKE_CXX_FLAGS_RELWITHDEBINFO=${flags})

file(REMOVE_RECURSE ${scratch})

if(how STREQUAL "subdirectory")
  set(find -D AM_SOURCE=${source})
else()
  set(prefix ${scratch}/prefix)
  set(find -D CMAKE_PREFIX_PATH=${prefix} -D AM_VERSION=${version})
  if(how STREQUAL "installed-shared")
    set(build ${scratch}/library)
    run(${CMAKE_COMMAND} -S ${source} -B ${build} ${options} -D BUILD_SHARED_LIBS=ON
        -D AM_BUILD_TESTS=OFF -D AM_BUILD_EXAMPLES=OFF)
    run(${CMAKE_COMMAND} --build ${build} --target am_libraries)
  endif()
  run(${CMAKE_COMMAND} --install ${build} --component asyncmachine --prefix ${prefix})

  file(GLOB_RECURSE installed RELATIVE ${prefix} ${prefix}/*)
  foreach(file IN LISTS installed)
    if(file MATCHES "/internal/|\\.test\\.|\\.cpp$")
      message(FATAL_ERROR "${file} must not be installed")
    endif()
  endforeach()
endif()

run(${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR}/consumer -B ${scratch}/consumer
    ${options} ${find})
run(${CMAKE_COMMAND} --build ${scratch}/consumer)
run(${scratch}/consumer/consumer ${version})
