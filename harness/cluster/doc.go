// Package cluster is the harness's view of a cluster under test, and of the
// world that a client or a plan of the nemesis lives in.
//
// Clients and plans are blocking code over a small interface and use nothing
// else of the outside: no clocks, goroutines, select or locks of their own.
// The harness runs them as goroutines over real containers, a simulator as
// coroutines over simulated ones.
//
// HTTP is the Env of one process over real connections, Machines the World over
// real agents; both count time from the run's Start. A Fake is a cluster in
// memory, for tests.
package cluster
