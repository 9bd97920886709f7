// A case with more errors than it may have.
// expect: nothing
// at-most-errors: 2
int a = nothing;
int b = nothing2;
int c = nothing3;
