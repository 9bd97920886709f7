# cmake -D program=... -D expected=... -P compare_output.cmake
# Runs an example and compares what it prints with the expected text.
execute_process(COMMAND ${program} OUTPUT_VARIABLE output RESULT_VARIABLE status)
file(READ ${expected} wanted)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${program} ended with ${status} after printing\n${output}")
elseif(NOT output STREQUAL wanted)
  message(FATAL_ERROR "${program} printed\n${output}\ninstead of what is in ${expected}\n${wanted}")
endif()
