// Package catalogue reads the bugs of bugs/ and builds programs with one of
// them put back.
//
// A Bug is a patch against the sources of the system under test with a header
// that says what it is and what must catch it. Building applies the patch to
// copies of the files it touches, strictly and without fuzz, and hands them to
// the compiler with go build -overlay: the sources themselves hold no bug.
package catalogue
