# am_warnings(TARGET): our warning set for one of our own targets. PRIVATE, so users never inherit it.
function(am_warnings target)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion
    $<$<BOOL:${AM_WERROR}>:-Werror>)
endfunction()
