package core

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// The cluster below runs several cores on a network, a disk and timers that a
// seed drives, and checks the properties of figure 3 of the paper with its own
// bookkeeping, never with the core's. Tests run in order of their files' names:
// what needs a whole world comes last, since it takes longest.

type member struct {
	id     NodeID
	core   *Core
	timers map[Timer]int64
	// disk: what a crash leaves; pending: log effects not yet durable
	disk    diskImage
	pending []Effect
	saves   []SaveSnapshot // under way beside the log
	applies []Effect       // for the state machine, which lags
	applied []Entry        // the state machine: the entries it was given
	// its clock: how fast it runs, and what it shows at the beginning
	rate   float64
	offset Instant
}

// clock reads a member's own clock.
func (c *testCluster) clock(m *member) Instant { return m.offset + Instant(float64(c.now)*m.rate) }

type diskImage struct {
	hard    HardState
	base    SnapshotMeta
	entries []Entry
	snap    SnapshotMeta
	members Membership // as of the snapshot
	data    []Entry    // what the snapshot holds
}

type flight struct {
	at  int64
	env Envelope
}

type testCluster struct {
	t         testing.TB
	rng       *rand.Rand
	now       int64
	members   []*member
	net       []flight
	cut       map[[2]NodeID]bool
	leaders   map[Term]NodeID
	chosen    []Entry // committed entries, by index-1
	snapshots map[Index][]Entry
	nextID    uint64
	seen      map[string]int
	// reads under way: what was applied anywhere when the read began
	reads map[uint64]Index
	// writes by their command: how often it was applied, and whether its
	// proposer was told that it is not and will not be in any log
	writes map[string]*fate
	old    []Envelope // some of what was ever sent; any of it may come again
	shape  Config     // what all members have in common
	voters []NodeID   // that the cluster begins with
}

// fate is a command's fate.
type fate struct {
	id      uint64
	index   Index // where it was chosen, once it was
	refused bool
	placed  SnapshotMeta
}

const ms = 1_000_000

func newTestCluster(t testing.TB, seed uint64, n int) *testCluster {
	c := &testCluster{
		t: t, rng: rand.New(rand.NewPCG(seed, 1)), cut: map[[2]NodeID]bool{},
		leaders: map[Term]NodeID{}, snapshots: map[Index][]Entry{}, seen: map[string]int{}, reads: map[uint64]Index{},
		writes: map[string]*fate{},
	}
	c.shape = Config{
		ElectionTimeout: 100 * ms, ElectionJitter: 50 * ms, Heartbeat: 20 * ms,
		MaxBatch: 1 + c.rng.IntN(3), MaxBatchBytes: 1 + c.rng.IntN(100), MaxInflight: 1 + c.rng.IntN(4),
		CompactTail: Index(4 * c.rng.IntN(2)), MaxTailBytes: 1000 * c.rng.IntN(2), NoNoop: c.rng.IntN(4) == 0,
		MaxInflightBytes: 1 + c.rng.IntN(200), MaxUncommittedBytes: 20 + c.rng.IntN(1000), SnapshotChunk: 1 + c.rng.IntN(10),
		Lease: c.rng.IntN(2) == 0, LeaseDriftPPM: 100_000,
	}
	joiners := 0
	if n > 2 {
		joiners = c.rng.IntN(3)
	}
	for i := 1; i <= n; i++ {
		m := &member{id: NodeID(i), rate: 0.9 + c.rng.Float64()/5, offset: 1 + Instant(c.rng.IntN(1000*ms))}
		c.members = append(c.members, m)
		if i <= n-joiners {
			c.voters = append(c.voters, m.id)
		}
	}
	for _, m := range c.members {
		c.boot(m)
	}
	return c
}

func (c *testCluster) boot(m *member) {
	d := m.disk
	cfg := c.shape
	cfg.ID, cfg.Seed = m.id, c.rng.Uint64()
	if slices.Contains(c.voters, m.id) {
		cfg.Voters = c.voters
	}
	core, err := New(cfg, Restored{HardState: d.hard, Snapshot: d.snap, Members: d.members, Base: d.base, Entries: append([]Entry(nil), d.entries...)})
	if err != nil {
		c.t.Fatalf("boot of %d: %v", m.id, err)
	}
	m.core, m.timers, m.pending, m.saves, m.applies, m.applied = core, map[Timer]int64{}, nil, nil, nil, nil
	c.step(m, Started{})
}

func (c *testCluster) crash(m *member) {
	// A prefix of the log effects under way may have reached the disk.
	for _, e := range m.pending[:c.rng.IntN(len(m.pending)+1)] {
		c.persist(m, e)
	}
	for _, e := range m.saves[:c.rng.IntN(len(m.saves)+1)] {
		c.persist(m, e)
	}
	m.core = nil
	c.seen["crash"]++
}

func (c *testCluster) persist(m *member, e Effect) {
	d := &m.disk
	switch e := e.(type) {
	case AppendLog:
		d.hard = e.HardState
		if len(e.Entries) > 0 {
			if e.From <= d.base.Index || e.From > d.base.Index+Index(len(d.entries))+1 {
				c.t.Fatalf("member %d appends from %d to a log (%d,%d]", m.id, e.From, d.base.Index, d.base.Index+Index(len(d.entries)))
			}
			if e.From <= d.base.Index+Index(len(d.entries)) {
				c.seen["truncation"]++
			}
			d.entries = append(append([]Entry(nil), d.entries[:e.From-d.base.Index-1]...), e.Entries...)
		}
	case SaveSnapshot:
		if e.Snapshot.Index > d.snap.Index {
			d.snap, d.members, d.data = e.Snapshot, e.Members, c.snapshots[e.Snapshot.Index]
		}
	case ResetLog:
		if !bytes.Equal(e.Data, stateAt(e.Snapshot)) {
			c.t.Fatalf("member %d installs a snapshot of %v that is put together wrongly: %q", m.id, e.Snapshot, e.Data)
		}
		d.snap, d.members, d.data = e.Snapshot, e.Members, c.snapshots[e.Snapshot.Index]
		d.base, d.entries = e.Snapshot, nil
		c.seen["snapshot installed"]++
	case CutLog:
		if e.To > d.snap.Index {
			c.t.Fatalf("member %d cuts its log to %d before a snapshot (%d) covers it", m.id, e.To, d.snap.Index)
		}
		if e.To <= d.base.Index {
			c.t.Fatalf("member %d cuts its log to %d; it begins after %d", m.id, e.To, d.base.Index)
		}
		d.base = SnapshotMeta{e.To, d.entries[e.To-d.base.Index-1].Term}
		d.entries = append([]Entry(nil), d.entries[len(d.entries)-int(d.last()-e.To):]...)
	}
}

// stateAt is what a snapshot carries, as bytes.
func stateAt(at SnapshotMeta) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "state after %d.%d; ", at.Index, at.Term), 2)
}

// chunk makes the message that a SendChunk effect asks for.
func (c *testCluster) chunk(m *member, e SendChunk) {
	at, offset := e.Snapshot, e.Offset
	if m.disk.snap != at {
		at, offset = m.disk.snap, 0
	}
	all := stateAt(at)
	end := min(offset+uint64(c.shape.SnapshotChunk), uint64(len(all)))
	if offset > 0 {
		c.seen["chunk"]++
	}
	c.send(Envelope{m.id, e.To, e.Term, InstallSnapshot{
		Snapshot: at, Members: m.disk.members, Offset: offset, Data: all[offset:end], Done: end == uint64(len(all)),
	}})
}

func (d *diskImage) last() Index {
	if n := len(d.entries); n > 0 {
		return d.entries[n-1].Index
	}
	return d.base.Index
}

// advance lets the next log effect of a member become durable.
func (c *testCluster) advance(m *member) {
	if m.core == nil || len(m.pending) == 0 {
		return
	}
	e := m.pending[0]
	m.pending = m.pending[1:]
	c.persist(m, e)
	switch e := e.(type) {
	case AppendLog:
		c.step(m, Appended{e.Number})
	case ResetLog:
		c.step(m, SnapshotSaved{e.Snapshot})
	}
}

// save lets the next snapshot of a member's own become durable.
func (c *testCluster) save(m *member) {
	e := m.saves[0]
	m.saves = m.saves[1:]
	c.persist(m, e)
	c.step(m, SnapshotSaved{e.Snapshot})
}

// apply lets a member's state machine take what comes next for it. The
// snapshot on disk may be newer than the one asked for.
func (c *testCluster) apply(m *member) {
	e := m.applies[0]
	m.applies = m.applies[1:]
	var to Index
	switch e := e.(type) {
	case Apply:
		to = e.Entries[len(e.Entries)-1].Index
		for _, x := range e.Entries {
			if x.Index > Index(len(m.applied)) {
				c.choose(m, x)
				m.applied = append(m.applied, x)
			}
		}
	case RestoreSnapshot:
		to = e.Snapshot.Index
		if m.disk.snap.Index < to {
			c.t.Fatalf("member %d restores a snapshot of %d, its disk has %d", m.id, to, m.disk.snap.Index)
		}
		if to > Index(len(m.applied)) {
			m.applied = append([]Entry(nil), m.disk.data...)
		}
	}
	c.step(m, Applied{to})
}

func (c *testCluster) step(m *member, ev Event) {
	effects := append([]Effect(nil), m.core.Step(ev)...)
	for _, e := range effects {
		switch e := e.(type) {
		case SaveSnapshot:
			m.saves = append(m.saves, e)
		case AppendLog, ResetLog, CutLog:
			m.pending = append(m.pending, e)
		case Send:
			c.send(e.Envelope)
		case SendChunk:
			c.chunk(m, e)
		case TransferDone:
			c.seen["transferred"]++
		case MembersChanged:
			if e.Members.Joint() {
				c.seen["joint"]++
			}
		case Apply, RestoreSnapshot:
			m.applies = append(m.applies, e)
		case SetTimer:
			m.timers[e.Timer] = c.now + int64(float64(e.After)/m.rate)
		case StopTimer:
			delete(m.timers, e.Timer)
		case Changed:
			if e.Role == Leader {
				c.seen["election"]++
				if other, ok := c.leaders[e.Term]; ok && other != m.id {
					c.t.Fatalf("election safety: %d and %d lead in term %d", other, m.id, e.Term)
				}
				c.leaders[e.Term] = m.id
				c.checkComplete(m)
			}
		case ReadReady:
			c.seen["read"]++
			if e.Lease {
				c.seen["lease read"]++
			}
			if began, ok := c.reads[e.ID]; ok && e.Index < began {
				c.t.Fatalf("stale read: index %d, but %d was applied somewhere before the read began", e.Index, began)
			}
		case Proposed:
			c.seen["proposed"]++
			if w := c.writes[value(e.ID)]; w != nil {
				w.placed = SnapshotMeta{e.Index, e.Term}
				c.judge(w)
			}
		case Refused:
			c.seen[fmt.Sprintf("refused %d", e.Reason)]++
			if w := c.writes[value(e.ID)]; w != nil && e.Reason != Lost {
				w.refused = true
				c.judge(w)
			}
		}
	}
}

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

func (c *testCluster) send(e Envelope) {
	if c.cut[[2]NodeID{e.From, e.To}] || c.rng.IntN(50) == 0 {
		return
	}
	delay := int64(c.rng.IntN(5 * ms))
	if c.rng.IntN(30) == 0 {
		delay += int64(c.rng.IntN(200 * ms))
		c.seen["reordered"]++
	}
	if len(c.old) < 200 {
		c.old = append(c.old, e)
	} else {
		c.old[c.rng.IntN(len(c.old))] = e
	}
	if c.rng.IntN(20) == 0 {
		c.net = append(c.net, flight{c.now + delay, c.old[c.rng.IntN(len(c.old))]})
	}
	c.net = append(c.net, flight{c.now + delay, e})
	if c.rng.IntN(40) == 0 {
		c.net = append(c.net, flight{c.now + delay + int64(c.rng.IntN(100*ms)), e})
	}
}

// tick moves time by a millisecond and lets due things happen in a random order.
func (c *testCluster) tick() {
	c.now += ms
	due := c.net
	c.net = nil
	for _, f := range due {
		m := c.members[f.env.To-1]
		if f.at > c.now {
			c.net = append(c.net, f)
		} else if m.core != nil {
			c.step(m, Received{f.env, c.clock(m)})
		}
	}
	for _, i := range c.rng.Perm(len(c.members)) {
		m := c.members[i]
		if m.core == nil {
			continue
		}
		for _, t := range []Timer{ElectionTimer, HeartbeatTimer, TransferTimer} {
			if at, ok := m.timers[t]; ok && at <= c.now {
				delete(m.timers, t)
				c.step(m, TimerFired{t, c.clock(m)})
			}
		}
		for c.rng.IntN(3) > 0 && len(m.pending) > 0 {
			c.advance(m)
		}
		if c.rng.IntN(10) == 0 && len(m.saves) > 0 {
			c.save(m)
		}
		for c.rng.IntN(3) > 0 && len(m.applies) > 0 {
			c.apply(m)
		}
	}
}

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
