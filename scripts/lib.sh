# What the scripts in this folder share. Sourced, never run.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD

# step TEXT: says what runs now. When a later command fails, fail_step names it in the last line.
current_step="start"
step() {
  current_step=$1
  printf '\n== %s\n' "$current_step"
}

fail_step() {
  local status=$?
  if [ "$status" -ne 0 ]; then
    printf '%s: FAILED in step "%s" (exit status %d)\n' "$(basename "$0")" "$current_step" "$status"
  fi
}

# configure FOLDER COMPILER [CMAKE OPTION...]: build/FOLDER. CXX counts only for a new folder.
# With -g1 stacks have names and lines; full debug information would cost a third of the time.
optimize=-O2
configure() {
  local folder=$1 compiler=$2
  shift 2
  CXX=$compiler cmake -S "$root" -B "$root/build/$folder" -G Ninja \
    "-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=$optimize -g1 -DNDEBUG" "$@"
}

# build FOLDER [TARGET...]
build() {
  local folder=$1
  shift
  cmake --build "$root/build/$folder" --parallel "$(nproc)" ${1:+--target "$@"}
}

# run_tests FOLDER [CTEST OPTION...]: a test that sets no TIMEOUT of its own gets 120 s.
test_wrapper=()  # a command to run ctest with
run_tests() {
  local folder=$1
  shift
  "${test_wrapper[@]}" ctest --test-dir "$root/build/$folder" --parallel "$(nproc)" --timeout 120 --no-tests=error \
    --output-on-failure "$@" </dev/null
}
