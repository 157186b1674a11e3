// Command agent is PID 1 of every container. It runs the node as its child and
// carries out faults beside it: it ends, stops and starts the node, skews its
// clocks, drops packets of its peers, and all the while probes who can reach
// whom.
//
//	/partita/agent --config /etc/partita/agent.json
//
// The configuration is a wire.Config; the harness commands it over HTTP as
// package wire says. SIGTERM or SIGINT ends the node, then the agent. It exits
// with 0 when it was told to, and with 1, saying why on standard error, when it
// could not begin or go on.
//
// What the container must grant: SETUID and SETGID to run the node as another
// user and to open that node's memory for its clocks, KILL to signal it, CHOWN
// to give it its data directory, and for partitions NET_ADMIN (with the legacy
// variant of iptables NET_RAW too).
package main
