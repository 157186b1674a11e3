package core

import (
	"fmt"
	"testing"
)

func (c *testCluster) load() {
	m := c.members[c.rng.IntN(len(c.members))]
	if m.core == nil {
		return
	}
	c.nextID++
	switch c.rng.IntN(8) {
	case 0, 1:
		c.reads[c.nextID] = Index(len(c.chosen))
		c.step(m, Read{[]uint64{c.nextID}, c.rng.IntN(2) == 0, c.clock(m)})
	case 2:
		if n := len(m.applied); n > 0 && m.core.applied == m.applied[n-1].Index {
			at := m.core.applied
			if _, ok := c.snapshots[at]; !ok {
				c.snapshots[at] = append([]Entry(nil), m.applied...)
			}
			if m.core.applied > m.core.snapshot.Index+5 {
				c.step(m, Compact{Index: at})
			}
		}
	default:
		var batch []Proposal
		for range 1 + c.rng.IntN(3) {
			c.nextID++
			c.writes[value(c.nextID)] = &fate{id: c.nextID}
			batch = append(batch, Proposal{c.nextID, []byte(value(c.nextID))})
		}
		c.step(m, Propose{batch})
	}
}

// reorganise changes who is a member, or who leads.
func (c *testCluster) reorganise() {
	pick := func() NodeID { return NodeID(1 + c.rng.IntN(len(c.members))) }
	m := c.members[pick()-1]
	for _, o := range c.members {
		if o.core != nil && o.core.role == Leader {
			m = o
		}
	}
	if m.core == nil {
		return
	}
	c.nextID++
	if c.rng.IntN(4) == 0 {
		c.step(m, TransferLeadership{c.nextID, pick()})
		return
	}
	changes := []Change{{ChangeKind(c.rng.IntN(3)), pick()}}
	if c.rng.IntN(3) == 0 {
		changes = append(changes, Change{ChangeKind(c.rng.IntN(3)), pick()})
	}
	c.step(m, ChangeMembers{c.nextID, changes})
}

// misbehave cuts, heals, crashes and restarts.
func (c *testCluster) misbehave() {
	n := len(c.members)
	switch c.rng.IntN(7) {
	case 6:
		// A restart that is over before anybody has missed the member, which
		// then gets copies of what its past life got.
		if m := c.members[c.rng.IntN(n)]; m.core != nil {
			c.crash(m)
			c.boot(m)
			for _, e := range c.old {
				if e.To == m.id {
					c.net = append(c.net, flight{c.now + int64(c.rng.IntN(20*ms)), e})
				}
			}
		}
	case 0:
		a, b := NodeID(1+c.rng.IntN(n)), NodeID(1+c.rng.IntN(n))
		c.cut[[2]NodeID{a, b}] = true
	case 1:
		a := NodeID(1 + c.rng.IntN(n))
		for _, m := range c.members {
			c.cut[[2]NodeID{a, m.id}], c.cut[[2]NodeID{m.id, a}] = true, true
		}
	case 2, 3:
		clear(c.cut)
	case 4:
		if m := c.members[c.rng.IntN(n)]; m.core != nil {
			c.crash(m)
		}
	case 5:
		for _, m := range c.members {
			if m.core == nil {
				c.boot(m)
			}
		}
	}
}

// TestRandomClusters drives clusters of one to five members through losses,
// cuts and crashes, checks safety at every step, and liveness at the end: once
// all is healed, every member applies everything that was committed.
func TestRandomClusters(t *testing.T) {
	coverage := map[string]int{}
	seeds := 60
	if testing.Short() {
		seeds = 10
	}
	for seed := range seeds {
		n := []int{1, 3, 5, 3, 5, 4, 2}[seed%7]
		t.Run(fmt.Sprintf("seed=%d,n=%d", seed, n), func(t *testing.T) {
			c := newTestCluster(t, uint64(seed), n)
			for range 6000 {
				c.tick()
				if c.rng.IntN(3) == 0 {
					c.load()
				}
				if c.rng.IntN(60) == 0 {
					c.reorganise()
				}
				if c.rng.IntN(120) == 0 {
					c.misbehave()
				}
			}
			c.settle()
			for k, v := range c.seen {
				coverage[k] += v
			}
		})
	}
	reach := []string{"election", "truncation", "snapshot installed", "chunk", "crash", "read", "lease read", "proposed", "reordered", "joint", "transferred"}
	for reason := NoLeader; reason <= Abandoned; reason++ {
		reach = append(reach, fmt.Sprintf("refused %d", reason))
	}
	for _, k := range reach {
		if coverage[k] == 0 {
			t.Errorf("the runs never reached %q", k)
		}
	}
	t.Logf("coverage: %v", coverage)
}

func (c *testCluster) settle() {
	clear(c.cut)
	for _, m := range c.members {
		if m.core == nil {
			c.boot(m)
		}
	}
	// A little bandwidth has much to make up for: what was proposed before is
	// still on its way, an entry a round trip.
	before := len(c.chosen)
	for i := 0; i < 3000 || i < 60_000 && !c.agreed(); i++ {
		c.tick()
		if at := i % 3000; at > 1000 && at < 1100 { // without a no-op only a command of the term commits the rest
			c.load()
		}
	}
	if len(c.chosen) <= before {
		for _, o := range c.members {
			c.t.Logf("%+v", o.core.Status())
		}
		c.t.Fatalf("liveness: nothing was committed in three seconds without faults (%d before)", before)
	}
	for _, m := range c.present() {
		if got := Index(len(m.applied)); got != Index(len(c.chosen)) {
			for _, o := range c.members {
				c.t.Logf("%+v", o.core.Status())
			}
			c.t.Fatalf("liveness: member %d applied %d of %d", m.id, got, len(c.chosen))
		}
	}
}

// present are the members of the configuration chosen last.
func (c *testCluster) present() []*member {
	last := Membership{Voters: c.voters}
	for _, e := range c.chosen {
		if e.Kind == Configuration {
			last = mustDecode(e)
		}
	}
	var present []*member
	for _, m := range c.members {
		if last.Has(m.id) {
			present = append(present, m)
		}
	}
	return present
}

// agreed says whether every member has applied the leader's whole log.
func (c *testCluster) agreed() bool {
	last := Index(0)
	for _, m := range c.members {
		if m.core.role == Leader {
			last = m.core.log.last().Index
		}
	}
	for _, m := range c.present() {
		if last == 0 || Index(len(m.applied)) != last {
			return false
		}
	}
	return true
}
