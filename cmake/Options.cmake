# Everything a user can switch. Tests, examples, installation and -Werror stay off when the project is
# embedded with add_subdirectory, so that it adds nothing but libraries to its host.

option(AM_BUILD_TESTS "Build the tests" ${PROJECT_IS_TOP_LEVEL})
option(AM_BUILD_EXAMPLES "Build the examples" ${PROJECT_IS_TOP_LEVEL})
option(AM_WHOLE_TESTS "Also run each test program as a whole" OFF)
option(AM_INSTALL "Generate the install target" ${PROJECT_IS_TOP_LEVEL})
option(AM_WERROR "Treat warnings in our own code as errors" ${PROJECT_IS_TOP_LEVEL})

set(AM_SANITIZE "" CACHE STRING "Sanitizers: empty, thread, or address;undefined")
set_property(CACHE AM_SANITIZE PROPERTY STRINGS "" "thread" "address;undefined")
