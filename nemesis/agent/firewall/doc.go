// Package firewall drops packets of peers at their receiver, by iptables rules
// in a chain of its own. It touches no other rule: its chain is hooked once
// into INPUT, and to heal is to flush it.
//
// A full cut drops all that comes from a peer's address. A one-way cut drops
// only what comes from it to the peer port and the probe port, so that the
// acknowledgements of what this node sends it still arrive. Since rules name
// addresses of peers only, neither the harness nor clients are ever cut off.
//
// Rules come in pairs, probes first: what a pair drops of the agents' probes is
// counted apart from what it drops of the nodes' own packets.
package firewall
