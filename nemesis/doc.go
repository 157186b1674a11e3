// Package nemesis says what goes wrong, when, and how one can tell that it
// did.
//
// A Grudge says who drops whose packets, by direction; a shape makes one from
// the nodes. An Injection is one fault of a schedule: kind, shape, role,
// beginning and end. A schedule is a pure function of the options, the seed
// and the nodes, or given by the scenario fault by fault. A plan carries a
// schedule out, one fault after another, and heals each; an episode is one fault
// while it lasts. Evidence is what was observed of a fault: without it the fault
// does not count.
//
// A role is all, majority, minority, one or leader. Who holds it is drawn from
// the seed, but for the leader, who is looked for when the fault begins. Changes
// of the membership know leader, follower and one, and find all of them among
// the voters that they meet, in an order that is drawn.
//
// Everything here is blocking code over cluster.World and runs unchanged over
// containers and in a simulator.
package nemesis
