// Package supervisor runs the node as the agent's child: as an unprivileged
// user, with no capability and no way to gain one, its output in a logbook,
// and, where asked for, with clocks that can be skewed.
//
// A boot is one start of the node, an exit its end. A node that exits by
// itself is not started again: that is a finding. Commands (start, stop, kill,
// pause, resume, skew) are carried out one at a time and return when their
// effect can be seen from outside. Faults outlive a boot: the next one runs
// with the clocks in force from its first instruction on.
package supervisor
