// Package docker runs a cluster of containers, each of which stands for a
// machine. It alone knows the Docker engine.
//
// A Cluster is one network with fixed addresses, a container and a volume a
// node, all labelled with the run's id and its absolute folder. The agent is
// PID 1 of each container and starts the node. Client and agent ports are
// published on 127.0.0.1 only.
//
// A run holds a lock (flock) on its folder before it makes anything. Sweep
// removes what carries the label of a folder whose lock it can take, or of one
// that has vanished, and so never touches a live run.
package docker
