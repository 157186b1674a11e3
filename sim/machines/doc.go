// Package machines is a simulated cluster: machines with a process, a disk, a
// clock and an agent each, and the network between them.
//
// The nouns:
//
//   - A [Cluster] is machines and the links between them, in simulated time.
//   - A machine outlives its processes. A process is one incarnation of a
//     node: the core, the log, the service and the state machine that ship,
//     and here, in place of goroutines, the queues between them.
//   - A link carries messages one way, as a connection does: in order, late
//     rather than never while a cut is short, and not at all once the
//     connection has been given up.
//   - An agent carries out what the harness's plans ask for, by the commands
//     of package wire, and counts the evidence.
//
// A process executes the effects of core and service and adds no rule, as the
// node does with goroutines. Each file-system call of the log takes
// simulated time where a disk would, and is a point at which the power can
// fail. Everything random comes from the cluster's seed, drawn for each link
// and each machine apart.
package machines
