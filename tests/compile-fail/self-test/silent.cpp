// A case that forgot what it expects.
int main() { return nothing; }
