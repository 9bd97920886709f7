// A case whose compiler says something else, in both variants.
// expect: a message that no compiler has
int main() { return nothing; }
