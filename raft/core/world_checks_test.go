package core

import (
	"bytes"
	"fmt"
)

func value(id uint64) string { return fmt.Sprintf("v%d", id) }

// judge checks what a proposer was told against what was chosen, whichever
// of the two was known first.
func (c *testCluster) judge(w *fate) {
	if w.index == 0 {
		return
	}
	if w.refused {
		c.t.Fatalf("definiteness: the refused command %d was chosen at %d", w.id, w.index)
	}
	if w.placed.Index > 0 && w.placed != (SnapshotMeta{w.index, c.chosen[w.index-1].Term}) {
		c.t.Fatalf("command %d was placed at %v and chosen at %d", w.id, w.placed, w.index)
	}
}

// choose checks state-machine safety: an index is applied with one entry.
func (c *testCluster) choose(m *member, e Entry) {
	if n := len(m.applied); n > 0 && m.applied[n-1].Index+1 != e.Index || n == 0 && e.Index != 1 {
		c.t.Fatalf("member %d applies %d out of order", m.id, e.Index)
	}
	if int(e.Index) <= len(c.chosen) {
		if o := c.chosen[e.Index-1]; o.Term != e.Term || !bytes.Equal(o.Data, e.Data) {
			c.t.Fatalf("state-machine safety: index %d is %v at %d and was %v", e.Index, e, m.id, o)
		}
		return
	}
	c.chosen = append(c.chosen, e)
	if w := c.writes[string(e.Data)]; w != nil {
		if w.index != 0 {
			c.t.Fatalf("exactly once: command %d was chosen at %d and at %d", w.id, w.index, e.Index)
		}
		w.index = e.Index
		c.judge(w)
	}
	// Committed means durable on a quorum, by our own count of the disks.
	have := map[NodeID]bool{}
	for _, o := range c.members {
		have[o.id] = o.disk.snap.Index >= e.Index
		for _, x := range o.disk.entries {
			have[o.id] = have[o.id] || x.Index == e.Index && x.Term == e.Term
		}
	}
	for _, m := range c.inForce(e.Index) {
		if most(m.Voters, have) && (!m.Joint() || most(m.Outgoing, have)) {
			return
		}
	}
	c.t.Fatalf("committed entry %d of term %d is on the disks %v", e.Index, e.Term, have)
}

// inForce lists the configurations under which an entry may have been
// committed: the last one that was chosen before it, and any later one in a log.
func (c *testCluster) inForce(index Index) []Membership {
	list := []Membership{{Voters: c.voters}}
	for _, e := range c.chosen[:index] {
		if e.Kind == Configuration {
			list = []Membership{mustDecode(e)}
		}
	}
	for _, m := range c.members {
		for _, e := range m.disk.entries {
			if e.Kind == Configuration && e.Index > index {
				list = append(list, mustDecode(e))
			}
		}
		if m.core == nil {
			continue
		}
		for _, e := range m.core.log.entries {
			if e.Kind == Configuration && e.Index > index {
				list = append(list, mustDecode(e))
			}
		}
	}
	return list
}

func most(voters []NodeID, have map[NodeID]bool) bool {
	n := 0
	for _, id := range voters {
		if have[id] {
			n++
		}
	}
	return n > len(voters)/2
}

// checkComplete checks leader completeness for a new leader.
func (c *testCluster) checkComplete(m *member) {
	for _, e := range c.chosen {
		if e.Index > m.core.log.base.Index && !m.core.log.holds(SnapshotMeta{e.Index, e.Term}) {
			c.t.Fatalf("leader completeness: leader %d of term %d lacks committed entry %d", m.id, m.core.hard.Term, e.Index)
		}
	}
}
