// Package golden judges the histories that a workload keeps under testdata,
// for its tests: each is named valid-... or invalid-..., for what it shows,
// and has the checker's answer in words beside it. The checker has to agree
// with the name, and so has trying every order, which is the definition of
// linearizability and nothing cleverer.
package golden
