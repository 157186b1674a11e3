// Package explore looks for seeds that fail. A seed draws a whole test: the
// size of the cluster, its settings, the workload, which faults come how often and
// how long; the test runs in simulated time, on every core one, and is judged as
// any recorded run is, and by the watch inside the cluster.
package explore
