package nemesis

import (
	"fmt"
	"slices"
	"time"
)

// The shapes of changes of the membership. A spare is a node that is no
// member.
const (
	Remove   = "remove"   // a voter goes
	Add      = "add"      // a spare learns, then votes
	Replace  = "replace"  // a spare learns, then votes in the place of a voter, in one change
	Demote   = "demote"   // a voter only learns
	Transfer = "transfer" // the leader lets another voter lead
)

// Follower is the role of a voter that does not lead. Only changes of the
// membership know it.
const Follower = "follower"

// membershipRoles lists the roles that changes of the membership know: among
// voters, and not as they are drawn but as they are found.
var membershipRoles = []string{Leader, Follower, One}

// MembershipShapes lists the changes that there can be with so many voters
// among so many nodes: one who remains has to lead, and who is added has to be
// there.
func MembershipShapes(voters, nodes int) []string {
	var shapes []string
	for _, shape := range []string{Remove, Add, Replace, Demote, Transfer} {
		spare := shape == Add || shape == Replace
		if spare && nodes > voters || !spare && voters > 1 {
			shapes = append(shapes, shape)
		}
	}
	return shapes
}

// MembershipOptions asks for voters that come and go, and for leaders that are
// asked to let another lead.
type MembershipOptions struct {
	// Shapes is the deck; left out, every change that the cluster can have.
	Shapes []string `yaml:"shapes"`
	// Targets is the deck of roles: who goes, or is demoted; after an add, who
	// goes at its end. Left out, leader, follower and one. A transfer is always of
	// the leader.
	Targets []string `yaml:"targets"`
	// Every is from start to start, For how long a change lasts until the cluster
	// is brought back to its number of voters, not always the same ones.
	Every time.Duration `yaml:"every"`
	For   time.Duration `yaml:"for"`
	// Voters is that number; left out, the scenario's members.
	Voters int `yaml:"voters"`

	Given[MembershipFault] `yaml:",inline"`
}

// Complete fills empty decks and, into given faults, what follows from their
// shape.
func (o *MembershipOptions) Complete(nodes int) {
	if o.Voters == 0 {
		o.Voters = nodes
	}
	if o.Shapes == nil {
		o.Shapes = MembershipShapes(o.Voters, nodes)
	}
	if o.Targets == nil {
		o.Targets = slices.Clone(membershipRoles)
	}
	for i := range o.Faults {
		f := &o.Faults[i]
		if f.Targets == "" && f.Shape == Transfer {
			f.Targets = Leader
		}
		if f.Voters == 0 {
			f.Voters = o.Voters
		}
	}
}

// Validate checks shapes against voters and nodes, roles and times.
func (o *MembershipOptions) Validate(nodes int) error {
	if p := within("voters", o.Voters, 1, nodes); p != nil {
		return p
	}
	if nodes < 2 {
		return &Problem{"shapes", "nobody can come or go in a cluster of one node"}
	}
	err := deckOf("shapes", o.Shapes, func(s string) error { return changes(s, o.Voters, nodes) })
	if err != nil {
		return err
	}
	if err := deckOf("targets", o.Targets, heldByMember); err != nil {
		return err
	}
	if err := timing(o.Every, o.For, leastWatched); err != nil {
		return err
	}
	return o.check(nodes)
}

// changes says what is wrong with a shape in a cluster of so many voters and
// nodes.
func changes(shape string, voters, nodes int) error {
	can := MembershipShapes(voters, nodes)
	all := MembershipShapes(2, 3)
	switch {
	case slices.Contains(can, shape):
		return nil
	case !slices.Contains(all, shape):
		return fmt.Errorf("unknown shape %q: %s", shape, allowed(shape, all))
	case nodes <= voters:
		return fmt.Errorf("shape %q needs a spare, and all %d nodes are members: give the scenario fewer members than nodes", shape, nodes)
	}
	return fmt.Errorf("shape %q needs at least 2 voters and the cluster has %d", shape, voters)
}

// heldByMember says what is wrong with a role of a change of the membership.
func heldByMember(role string) error {
	if slices.Contains(membershipRoles, role) {
		return nil
	}
	return fmt.Errorf("unknown role %q: %s", role, allowed(role, membershipRoles))
}

// Schedule deals shapes and roles.
func (o *MembershipOptions) Schedule(seed int64, nodes []string, until time.Duration) []Injection {
	if given := o.given(); given != nil {
		return given
	}
	rng := source(seed, Membership)
	all := starts(Membership, rng, nodes, o.Every, o.For, until)
	shapes, targets := deck{cards: o.Shapes, rng: rng}, deck{cards: o.Targets, rng: rng}
	for i := range all {
		in := &all[i]
		in.Shape, in.Targets, in.Voters = shapes.deal(), targets.deal(), o.Voters
		if in.Shape == Transfer {
			in.Targets = Leader
		}
	}
	return all
}

// MembershipFault is one change of a given schedule.
type MembershipFault struct {
	// Targets may be left out of a transfer, which is of the leader. Nodes is the
	// order in which who holds the role and who is added are looked for.
	Timed `yaml:",inline"`
	Shape string `yaml:"shape"`
	// Voters is how many there are to be afterwards; left out, that of the
	// options.
	Voters int `yaml:"voters"`
}

func (f MembershipFault) injection() Injection {
	in := f.shaped(f.Shape)
	in.Kind, in.Voters = Membership, f.Voters
	return in
}

func (f MembershipFault) check(nodes int) *Problem {
	if p := within("voters", f.Voters, 1, nodes); p != nil {
		return p
	}
	if err := changes(f.Shape, f.Voters, nodes); err != nil {
		return &Problem{"shape", err.Error()}
	}
	if f.Shape == Transfer && f.Targets != Leader {
		return &Problem{"targets", fmt.Sprintf("%s: a transfer is of the leader", f.Targets)}
	}
	return nil
}

func (o *MembershipOptions) given() []Injection { return o.injections(Membership) }

func (o *MembershipOptions) give(schedule []Injection) {
	if o.Voters == 0 {
		o.Voters = schedule[0].Voters
	}
	o.Given.give(schedule, func(in Injection) MembershipFault {
		return MembershipFault{Timed: timed(in), Shape: in.Shape, Voters: in.Voters}
	})
}

// episode changes the membership.
func (o *MembershipOptions) episode(in Injection) episode { return &change{in: in} }
