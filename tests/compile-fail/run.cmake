# cmake -D source=... -D variant=mistake|neighbour ... -P run.cmake: compiles one variant of a case
# and compares what the compiler says with what the case expects.
cmake_minimum_required(VERSION 3.25)

# Unlike FATAL_ERROR alone, leaves the lines of the text as they are.
function(fail text)
  message(NOTICE "${text}")
  message(FATAL_ERROR "failed")
endfunction()

# Messages in English with plain quotes.
set(ENV{LC_ALL} C)
set(options -std=c++20 -fsyntax-only)
string(REPLACE "|" ";" includes "${includes}")
foreach(folder IN LISTS includes)
  if(folder)
    list(APPEND options -I ${folder})
  endif()
endforeach()
if(variant STREQUAL "mistake")
  list(APPEND options -DMISTAKE)
else()
  list(APPEND options -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror)
endif()

execute_process(COMMAND ${compiler} ${options} ${source}
  RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)

if(variant STREQUAL "neighbour")
  if(NOT result EQUAL 0)
    fail("${output}\n${source}: the neighbour does not compile")
  endif()
  return()
endif()

if(result EQUAL 0)
  fail("${source}: compiles, but must not")
endif()

string(REPLACE "\\\"" "\"" output "${output}")
string(SUBSTRING "${output}" 0 20000 shown)

file(STRINGS ${source} expectations REGEX "^// expect(-${compiler_id})?: ")
if(NOT expectations)
  fail("${source}: expects no message of ${compiler_id}")
endif()
foreach(expectation IN LISTS expectations)
  string(REGEX REPLACE "^// expect[^:]*: " "" text "${expectation}")
  string(FIND "${output}" "${text}" position)
  if(position EQUAL -1)
    fail("${shown}\n${source}: the compiler does not say: ${text}")
  endif()
endforeach()

file(STRINGS ${source} limit REGEX "^// at-most-errors: ")
if(limit)
  string(REGEX REPLACE "[^0-9]" "" limit "${limit}")
  string(REGEX MATCHALL " error: " errors "${output}")
  list(LENGTH errors count)
  if(count GREATER limit)
    fail("${shown}\n${source}: ${count} errors, at most ${limit} expected")
  endif()
endif()
