package raft_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"partita/raft"
	"partita/raft/core"
	"partita/raft/wal"
	"partita/raft/wal/memfs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// network connects members in memory. A message goes from one to another
// unless one of them is cut off from the other's side.
type network struct {
	mu      sync.Mutex
	inboxes map[core.NodeID]chan core.Envelope
	side    map[core.NodeID]int      // members talk within a side
	loses   func(core.Envelope) bool // if not nil: what is lost besides
	latency time.Duration
	delayed time.Duration       // how many messages came late, in nanoseconds
	from    map[core.NodeID]int // messages sent by each, also those that were lost
}

func newNetwork() *network {
	return &network{inboxes: map[core.NodeID]chan core.Envelope{}, side: map[core.NodeID]int{}, from: map[core.NodeID]int{}}
}

// split puts members on a side of their own; the others stay where they are.
func (n *network) split(side int, members ...core.NodeID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, id := range members {
		n.side[id] = side
	}
}

func (n *network) heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.side)
}

// join gives a member an empty inbox and its end of the network.
func (n *network) join(id core.NodeID) raft.Transport {
	n.mu.Lock()
	defer n.mu.Unlock()
	inbox := make(chan core.Envelope, 4096)
	n.inboxes[id] = inbox
	return endpoint{n, inbox}
}

type endpoint struct {
	network *network
	inbox   chan core.Envelope
}

func (e endpoint) Send(m core.Envelope) {
	n := e.network
	n.mu.Lock()
	defer n.mu.Unlock()
	n.from[m.From]++
	if n.side[m.From] != n.side[m.To] || n.loses != nil && n.loses(m) {
		return
	}
	inbox := n.inboxes[m.To]
	arrive := func() {
		select {
		case inbox <- m:
		default: // lost, as a network may
		}
	}
	if n.latency == 0 {
		arrive()
		return
	}
	n.delayed++
	time.AfterFunc(n.latency+n.delayed, arrive) // in order: two never arrive at one instant
}

// sent is how many messages a member has sent.
func (n *network) sent(id core.NodeID) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.from[id]
}

// lose says which messages are lost besides; nil is none.
func (n *network) lose(which func(core.Envelope) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.loses = which
}

func (e endpoint) Receive() <-chan core.Envelope { return e.inbox }
func (e endpoint) Close() error                  { return nil }

// member is a running Raft and its state machine, the list of commands.
type member struct {
	*raft.Raft
	storage *slowStorage
	running sync.WaitGroup

	mu        sync.Mutex
	commands  []string
	last      core.Entry // the last applied
	snapshots int        // installed
	gap       error
}

// cluster is a number of members, each with a disk that outlives it.
type cluster struct {
	t       *testing.T
	network *network
	disks   map[core.NodeID]*memfs.Disk
	members map[core.NodeID]*member
	voters  []core.NodeID // everybody, voters or not
	waiting []core.NodeID // of those: who is no member at first, and waits to be added

	config        func(*raft.Config)
	delay         time.Duration // of every append
	snapshotEvery core.Index    // 0 is never
}

// newCluster prepares size members. It must be called in a synctest bubble.
func newCluster(t *testing.T, size int) *cluster {
	c := &cluster{
		t:       t,
		network: newNetwork(),
		disks:   map[core.NodeID]*memfs.Disk{},
		members: map[core.NodeID]*member{},
		config:  func(*raft.Config) {},
	}
	for id := core.NodeID(1); id <= core.NodeID(size); id++ {
		c.voters = append(c.voters, id)
		c.disks[id] = memfs.New(uint64(id))
	}
	return c
}

func (c *cluster) startAll() {
	for _, id := range c.voters {
		c.start(id)
	}
}

func (c *cluster) start(id core.NodeID) *member {
	c.t.Helper()
	log, err := wal.Open(c.disks[id].Mount(), "data", wal.Options{})
	if err != nil {
		c.t.Fatal(err)
	}
	cfg := raft.DefaultConfig(id, c.others(c.waiting...))
	if slices.Contains(c.waiting, id) {
		cfg.Voters = nil
	}
	c.config(&cfg)
	m := &member{storage: &slowStorage{Storage: log, delay: c.delay}}
	applied := make(chan raft.ApplyMsg)
	if m.Raft, err = raft.Make(cfg, m.storage, c.network.join(id), applied); err != nil {
		c.t.Fatal(err)
	}
	m.running.Go(func() {
		for msg := range applied {
			m.apply(msg, c.snapshotEvery)
		}
	})
	c.members[id] = m
	return m
}

func (c *cluster) stop(id core.NodeID) {
	c.members[id].Stop()
	c.members[id].running.Wait()
	delete(c.members, id)
}

func (c *cluster) stopAll() {
	for _, id := range c.voters {
		if c.members[id] != nil {
			c.stop(id)
		}
	}
}

func (m *member) apply(msg raft.ApplyMsg, snapshotEvery core.Index) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := msg.Snapshot; s != nil {
		if s.Meta.Index < m.last.Index {
			m.gap = fmt.Errorf("snapshot of %d after entry %d", s.Meta.Index, m.last.Index)
		}
		m.commands = strings.Split(string(s.Data), "\n")
		m.last = core.Entry{Index: s.Meta.Index, Term: s.Meta.Term}
		m.snapshots++
	}
	for _, e := range msg.Entries {
		if e.Index != m.last.Index+1 || e.Term < m.last.Term {
			m.gap = fmt.Errorf("entry %d of term %d after entry %d of term %d", e.Index, e.Term, m.last.Index, m.last.Term)
		}
		if m.last = e; e.Kind == core.Command {
			m.commands = append(m.commands, string(e.Data))
		}
		if snapshotEvery > 0 && e.Index%snapshotEvery == 0 {
			if err := m.Snapshot(e.Index, []byte(strings.Join(m.commands, "\n"))); err != nil {
				m.gap = err
			}
		}
	}
}

// state is what the state machine holds, and its last index.
func (m *member) state() ([]string, core.Index) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.commands), m.last.Index
}

// within lets time pass until a condition holds.
func (c *cluster) within(limit time.Duration, what string, holds func() bool) {
	c.t.Helper()
	for deadline := time.Now().Add(limit); !holds(); <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Fatalf("not within %v: %s", limit, what)
		}
	}
	synctest.Wait()
}

// leader waits until all of some members know one of them as leader.
func (c *cluster) leader(among ...core.NodeID) core.NodeID {
	c.t.Helper()
	if len(among) == 0 {
		among = c.voters
	}
	var leader core.NodeID
	c.within(10*time.Second, fmt.Sprintf("%v have one leader", among), func() bool {
		first := c.members[among[0]].Status()
		leader = first.Leader
		if !slices.Contains(among, leader) {
			return false
		}
		for _, id := range among {
			if s := c.members[id].Status(); s.Term != first.Term || s.Leader != leader || (s.Role == core.Leader) != (id == leader) {
				return false
			}
		}
		return true
	})
	return leader
}

// others are the voters without some.
func (c *cluster) others(without ...core.NodeID) []core.NodeID {
	return slices.DeleteFunc(slices.Clone(c.voters), func(id core.NodeID) bool { return slices.Contains(without, id) })
}

// propose starts commands on a leader.
func (c *cluster) propose(leader core.NodeID, prefix string, count int) {
	c.t.Helper()
	for i := range count {
		if _, _, ok := c.members[leader].Start([]byte(fmt.Sprintf("%s%d", prefix, i))); !ok {
			c.t.Fatalf("member %d does not take command %s%d", leader, prefix, i)
		}
	}
}

// agree waits until members have applied as much as the first of them has
// in its log, and all the same.
func (c *cluster) agree(among ...core.NodeID) []string {
	c.t.Helper()
	if len(among) == 0 {
		among = c.voters
	}
	leader := c.leader(among...)
	last := c.members[leader].Status().Last
	c.within(20*time.Second, fmt.Sprintf("%v apply entry %d", among, last), func() bool {
		for _, id := range among {
			if _, at := c.members[id].state(); at < last {
				return false
			}
		}
		return true
	})
	want, _ := c.members[leader].state()
	for _, id := range among {
		if got, _ := c.members[id].state(); !slices.Equal(got, want) {
			c.t.Fatalf("member %d applied %d commands, leader %d %d, and they differ", id, len(got), leader, len(want))
		}
		if gap := c.members[id].gap; gap != nil {
			c.t.Fatalf("member %d: %v", id, gap)
		}
	}
	return want
}

// numbered are the commands that propose makes.
func numbered(prefix string, count int) []string {
	var all []string
	for i := range count {
		all = append(all, fmt.Sprintf("%s%d", prefix, i))
	}
	return all
}
