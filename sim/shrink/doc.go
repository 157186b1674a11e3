// Package shrink makes a failing scenario small. What a seed drew is written
// down first: the faults as given schedules, the operations as a script. Then
// candidates with fewer faults, operations and nodes and less time are run,
// and the first one that breaks the same rule takes the place of what was there,
// until nothing helps or the attempts are used up. Before all that, small
// scenarios are drawn of what the large one is made of: a rare coincidence is
// easier met by chance than kept through a reduction.
//
// A candidate changes what happens: messages come at other instants, and
// elections go otherwise. So each is tried with several seeds, of which the
// network, the disks and the elections are drawn. What comes out depends on the
// scenario and the number of attempts alone, not on the machine. It is a file that
// anyone can run, and it fails by the same check, though perhaps of another key
// or node.
package shrink
