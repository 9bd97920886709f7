// A case whose mistake is none.
// expect: anything
int main() {}
