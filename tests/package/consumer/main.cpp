#include <am/helpers/wait_all.hpp>
#include <am/version.hpp>

#include <cstdio>

// Expects the version of the library as its argument.
int main(int argc, char** argv) {
  const std::string_view linked = am::version();
  std::printf("linked with asyncmachine %.*s\n", static_cast<int>(linked.size()), linked.data());
  if (!am::wait_all({}).ok()) return 1;
  return argc == 2 && linked == argv[1] ? 0 : 1;
}
