// Package mutant finds the small wrongs that could be put into a package's
// sources, one at a time, to see whether its tests would notice.
//
// A Mutant replaces one expression: a condition by its opposite (Negate), a
// comparison by its neighbour, as < by <= or == by != (Compare), "and" by "or"
// (Connect), or a sum by its term without the 1 (Step). It is named by file,
// function and the two texts, so that its name outlives changes elsewhere in
// the file. Some change nothing that anybody could notice; a package may list
// those in testdata/equivalent-mutants.txt, each with the reason.
//
// Nothing is built or run here: harness mutate does that.
package mutant
