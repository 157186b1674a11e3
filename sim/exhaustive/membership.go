package exhaustive

import (
	"fmt"
	"math/bits"
	"strings"

	"partita/raft/core"
	"partita/sim/invariant"
)

// seats is a set of members, a bit each: n1 is the lowest.
type seats uint8

// everybody is all three.
const everybody seats = 1<<members - 1

func seat(id core.NodeID) seats { return 1 << (id - 1) }

// ids lists a set.
func (s seats) ids() []core.NodeID {
	var list []core.NodeID
	for id := core.NodeID(1); id <= members; id++ {
		if s&seat(id) != 0 {
			list = append(list, id)
		}
	}
	return list
}

// renamed is the set with members renamed.
func (s seats) renamed(rename renaming) seats {
	if rename == nil {
		return s
	}
	var out seats
	for _, id := range s.ids() {
		out |= seat(rename[id])
	}
	return out
}

// configuration is one as the rules see it: a decision needs a majority of
// the voters, and one of the outgoing if there are any.
type configuration struct{ voters, outgoing, learners seats }

// first is the configuration that every search begins with.
var first = configuration{voters: everybody}

func (c configuration) joint() bool { return c.outgoing != 0 }

// decides says whether these are a majority of each part.
func (c configuration) decides(yes seats) bool {
	return most(c.voters, yes) && (!c.joint() || most(c.outgoing, yes))
}

func most(of, yes seats) bool {
	return 2*bits.OnesCount8(uint8(of&yes)) > bits.OnesCount8(uint8(of))
}

// renamed is the configuration with members renamed.
func (c configuration) renamed(rename renaming) configuration {
	return configuration{c.voters.renamed(rename), c.outgoing.renamed(rename), c.learners.renamed(rename)}
}

func (c configuration) membership() core.Membership {
	return core.Membership{Voters: c.voters.ids(), Outgoing: c.outgoing.ids(), Learners: c.learners.ids()}
}

// configurationIn gives the configuration in an entry's data: three lists of members,
// each as its length and its elements. What is none decides nothing.
func configurationIn(data []byte) configuration {
	var lists [3]seats
	for i := range lists {
		if len(data) == 0 || len(data) <= int(data[0]) {
			return configuration{}
		}
		for _, id := range data[1 : 1+data[0]] {
			lists[i] |= seat(core.NodeID(id))
		}
		data = data[1+data[0]:]
	}
	return configuration{lists[0], lists[1], lists[2]}
}

// latest is the configuration in force in a log, and its place there; 0 is
// the one that the cluster began with.
func latest(log []core.Entry) (configuration, int) {
	for i := len(log) - 1; i >= 0; i-- {
		if log[i].Kind == core.Configuration {
			return configurationIn(log[i].Data), i + 1
		}
	}
	return first, 0
}

// holders are those whose disks have an entry, and so all before it.
func holders(views *[members]*view, e core.Entry) seats {
	var have seats
	for i, v := range views {
		if at := int(e.Index) - 1; at < len(v.durable) && sameEntry(v.durable[at], e) {
			have |= 1 << i
		}
	}
	return have
}

// changed checks that a leader appended no configuration before a quorum's
// disks had the one before, nor one to which no step leads (§6). What is on
// enough disks stays there, so that looking later shows no less.
func changed(v *view, views *[members]*view) *invariant.Violation {
	if v.role != core.Leader {
		return nil
	}
	before, entry := first, (*core.Entry)(nil)
	for i := range v.log {
		e := &v.log[i]
		if e.Kind != core.Configuration {
			continue
		}
		now := configurationIn(e.Data)
		if e.Term == v.term {
			switch {
			case entry != nil && !before.decides(holders(views, *entry)):
				return misconfigured(v, fmt.Sprintf("appends %s before %s is committed", entryText(*e), entryText(*entry)))
			case !now.follows(before):
				return misconfigured(v, fmt.Sprintf("appends %s, to which no step leads from %s", entryText(*e), words(before)))
			}
		}
		before, entry = now, e
	}
	return nil
}

func misconfigured(v *view, text string) *invariant.Violation {
	return &invariant.Violation{Name: invariant.Configuration, Nodes: []string{name(v.id)}, Text: name(v.id) + " " + text}
}

// follows says whether a configuration may be the next after another.
func (c configuration) follows(o configuration) bool {
	switch {
	case o.joint():
		return !c.joint() && c.voters == o.voters
	case c.joint():
		return c.outgoing == o.voters
	}
	return c.voters == o.voters
}

func words(c configuration) string {
	text := fmt.Sprintf("voters%s", c.voters.names())
	if c.joint() {
		text += ", outgoing" + c.outgoing.names()
	}
	return text
}

func (s seats) names() string {
	var all strings.Builder
	for _, id := range s.ids() {
		all.WriteString(" " + name(id))
	}
	return all.String()
}

// A wish is what a leader is asked to change: the voters there are to be, a bit
// each, and whether who votes no more is to leave altogether rather than learn.
const leave = 1 << members

// wishes lists those that make sense to a leader with a configuration: each set
// of voters that its learners can be part of.
func (c configuration) wishes() []int {
	if c.joint() {
		return nil
	}
	var all []int
	for want := seats(1); want <= everybody; want++ {
		if want == c.voters || want&^(c.voters|c.learners) != 0 {
			continue
		}
		all = append(all, int(want))
		if c.voters&^want != 0 {
			all = append(all, int(want)|leave)
		}
	}
	for _, id := range (everybody &^ (c.voters | c.learners)).ids() {
		all = append(all, join|int(seat(id)))
	}
	return all
}

// join marks a wish that somebody learns who is no member.
const join = 2 * leave

// changes are what a wish asks for.
func (c configuration) changes(wish int) []core.Change {
	want := seats(wish) & everybody
	var list []core.Change
	if wish&join != 0 {
		return []core.Change{{Kind: core.AddLearner, ID: want.ids()[0]}}
	}
	for _, id := range (want &^ c.voters).ids() {
		list = append(list, core.Change{Kind: core.AddVoter, ID: id})
	}
	kind := core.AddLearner
	if wish&leave != 0 {
		kind = core.Remove
	}
	for _, id := range (c.voters &^ want).ids() {
		list = append(list, core.Change{Kind: kind, ID: id})
	}
	return list
}

// wishText says a wish in words.
func wishText(wish int) string {
	who := (seats(wish) & everybody).names()
	switch {
	case wish&join != 0:
		return "add the learner" + who
	case wish&leave != 0:
		return "let" + who + " vote alone, others leave"
	}
	return "let" + who + " vote alone, others learn"
}

// renamedData is that of an entry with members renamed.
func renamedData(e core.Entry, rename renaming) []byte {
	if e.Kind != core.Configuration || rename == nil {
		return e.Data
	}
	return configurationIn(e.Data).renamed(rename).membership().AppendTo(nil)
}
