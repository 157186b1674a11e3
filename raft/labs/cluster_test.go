package labs

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	// electionTimeout is within what the labs expect an election to succeed.
	electionTimeout = time.Second
	// snapshotInterval is how many commands a server applies between snapshots.
	snapshotInterval = 10
	// maxLogSize bounds what a log takes when there are snapshots, in bytes.
	maxLogSize = 2000
)

// server is one of a cluster, over all its lives.
type server struct {
	raft      *Raft // nil while it is down
	persister *Persister
	applying  sync.WaitGroup // what takes from the apply channel

	log  map[int]any // what it applied, by index
	last int         // the last index that it applied
}

// cluster is the servers of a test and what they applied.
type cluster struct {
	t         *testing.T
	dice      *dice
	network   *Network
	snapshots bool

	mu       sync.Mutex
	servers  []*server
	maxIndex int    // the highest index that any of them applied
	wrong    string // the first thing that was wrong with what one applied
}

// lab runs a test on a cluster whose servers are all up and connected.
func lab(t *testing.T, size int, reliable, snapshots bool, test func(c *cluster)) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	synctest.Test(t, func(t *testing.T) {
		d := newDice(seed)
		c := &cluster{t: t, dice: d, network: newNetwork(size, d), snapshots: snapshots}
		c.network.Unreliable(!reliable)
		defer c.end()
		for i := range size {
			c.servers = append(c.servers, &server{persister: &Persister{}})
			c.start(i)
			c.connect(i)
		}
		test(c)
		c.check()
	})
}

// end stops all servers.
func (c *cluster) end() {
	for i := range c.servers {
		c.crash(i)
	}
}

// sleep lets fake time pass.
func (c *cluster) sleep(d time.Duration) { <-time.After(d) }

// raft is a server's Raft, nil while it is down.
func (c *cluster) raft(i int) *Raft {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.servers[i].raft
}

// start starts a server on what its last life left, and crashes that first.
func (c *cluster) start(i int) {
	c.t.Helper()
	c.crash(i)
	s := c.servers[i]
	applied := make(chan ApplyMsg)
	rf, err := Make(c.network.Ends(i), i, s.persister, applied, c.dice.bits())
	if err != nil {
		c.t.Fatalf("start server %d: %v", i, err)
	}
	c.mu.Lock()
	s.raft, s.log, s.last = rf, map[int]any{}, 0
	c.mu.Unlock()
	s.applying.Go(func() {
		for msg := range applied {
			c.apply(i, rf, msg)
		}
	})
	c.network.Serve(i, rf.Receive)
}

// crash ends a server. What it has persisted by now is what is left.
func (c *cluster) crash(i int) {
	c.network.Connect(i, false)
	c.network.Serve(i, nil)
	c.mu.Lock()
	s := c.servers[i]
	rf := s.raft
	s.raft, s.persister = nil, s.persister.Copy()
	c.mu.Unlock()
	if rf != nil {
		rf.Kill()
		s.applying.Wait()
	}
}

func (c *cluster) connect(servers ...int) {
	for _, i := range servers {
		c.network.Connect(i, true)
	}
}

func (c *cluster) disconnect(servers ...int) {
	for _, i := range servers {
		c.network.Connect(i, false)
	}
}

// from are servers counted on from one, around: from(leader, 1, 2) are two others.
func (c *cluster) from(i int, steps ...int) []int {
	var all []int
	for _, n := range steps {
		all = append(all, (i+n)%len(c.servers))
	}
	return all
}

// apply does what a server's Raft says, and snapshots if it is time.
func (c *cluster) apply(i int, rf *Raft, msg ApplyMsg) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.servers[i]
	switch {
	case msg.SnapshotValid == msg.CommandValid:
		c.blame("server %d is to apply %+v: a command or a snapshot, and not both", i, msg)
	case msg.SnapshotValid:
		commands := decodeAll(msg.Snapshot)
		if len(commands) != msg.SnapshotIndex || msg.SnapshotIndex < s.last {
			c.blame("server %d, which has applied %d, gets a snapshot of %d with %d commands", i, s.last, msg.SnapshotIndex, len(commands))
		}
		for n, command := range commands {
			c.note(i, n+1, command)
		}
		s.last = msg.SnapshotIndex
	default:
		if msg.CommandIndex != s.last+1 {
			c.blame("server %d applies %d after %d", i, msg.CommandIndex, s.last)
		}
		c.note(i, msg.CommandIndex, msg.Command)
		s.last = msg.CommandIndex
		if c.snapshots && s.last%snapshotInterval == snapshotInterval-1 {
			if err := rf.Snapshot(s.last, c.encodeAll(i)); err != nil {
				c.blame("server %d: snapshot of %d: %v", i, s.last, err)
			}
		}
	}
}

// note remembers what a server applied, and compares it with what the others did.
func (c *cluster) note(i, index int, command any) {
	for other, s := range c.servers {
		if theirs, ok := s.log[index]; ok && theirs != command {
			c.blame("server %d applied %.40v at %d, server %d %.40v", i, command, index, other, theirs)
		}
	}
	c.servers[i].log[index] = command
	c.maxIndex = max(c.maxIndex, index)
}

func (c *cluster) blame(format string, args ...any) {
	if c.wrong == "" {
		c.wrong = fmt.Sprintf(format, args...)
	}
}

// check fails the test if anything was wrong with what was applied.
func (c *cluster) check() {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.wrong != "" {
		c.t.Fatal(c.wrong)
	}
}

// encodeAll is a snapshot of a server: all that it applied.
func (c *cluster) encodeAll(i int) []byte {
	var all [][]byte
	for index := 1; index <= c.servers[i].last; index++ {
		all = append(all, encode(c.servers[i].log[index]))
	}
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(all); err != nil {
		panic(err) // slices of bytes can be encoded
	}
	return b.Bytes()
}

// decodeAll gives the commands of a snapshot, and none if it is none.
func decodeAll(snapshot []byte) []any {
	var all [][]byte
	if gob.NewDecoder(bytes.NewReader(snapshot)).Decode(&all) != nil {
		return nil
	}
	var commands []any
	for _, b := range all {
		commands = append(commands, decode(b))
	}
	return commands
}

// logSize is the largest log of all servers, in bytes.
func (c *cluster) logSize() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	largest := 0
	for _, s := range c.servers {
		largest = max(largest, s.persister.RaftStateSize())
	}
	return largest
}
