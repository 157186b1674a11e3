// Package play runs one test in a simulated cluster: the clients, generators,
// plans and scheduling that the harness runs over containers, as tasks of one
// engine. A run is a function of its Setup: one seed, one history.
package play
