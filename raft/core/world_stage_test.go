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
