// Part of every test under ThreadSanitizer: what it must not report, as it does not see all code.
extern "C" {

const char* __tsan_default_options();
const char* __tsan_default_suppressions();

/// One test makes a context in a forked child.
const char* __tsan_default_options() { return "die_after_fork=0"; }

/// libzmq and what it uses are not instrumented, so the order that libzmq's queues give is not
/// seen. Nor are the descriptors that it opens and closes: their numbers are taken for those of
/// before. The functions named here are given such descriptors, and ask for the inode or a lock
/// first.
const char* __tsan_default_suppressions() {
  return "called_from_lib:libzmq.so\n"
         "called_from_lib:libsodium.so\n"
         "race:libzmq.so\n"
         "race:libsodium.so\n"
         "race:libpgm\n"
         "race:am::rpc::internal::inode_of\n"
         "race:am::rpc::internal::shut_down\n"
         "race:am::rpc::internal::Watch::\n";
}

}  // extern "C"
