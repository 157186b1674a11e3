package server

import (
	"fmt"
	"hash/fnv"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"partita/node/api"
	"partita/node/kv"
	"partita/raft/core"
	"partita/raft/transport"
)

// Config says which node it is and how it behaves. Fields are named after the
// flags of the node's command line.
type Config struct {
	Name         string
	Peers        map[string]string // name and peer address of everyone who may ever be a member, this node too
	Members      []string          // the voters that the cluster begins with; none is all of Peers
	ListenClient string
	ListenPeer   string
	Data         string // directory of the log
	Seed         uint64

	ElectionTimeout  time.Duration
	ElectionJitter   time.Duration
	Heartbeat        time.Duration
	PeerSilence      time.Duration // zero is two election timeouts
	OperationTimeout time.Duration
	MaxBatch         int // entries in one message
	SnapshotEvery    int // applied entries from one snapshot to the next
	SessionEntries   int // applied entries that a session lives on without being used; alike on all nodes
	MaxSessions      int // alike on all nodes
	CompactTail      int // entries below a snapshot that the log keeps
	SnapshotChunk    int // bytes of a snapshot in one message
	MaxUncommitted   int // bytes of commands that a leader takes before they are committed
	// Reads is how reads are confirmed that do not say so themselves.
	Reads string
	// LeaseDrift is by which part of true time a clock of a node may run fast or
	// slow at most. Leases are only right while it is so.
	LeaseDrift float64
	Pprof      bool // serve /debug/pprof

	Logger *slog.Logger
}

// maxNodes bounds the names in --peers, and maxChunk a piece of a snapshot in
// bytes: it has to fit into a message between nodes.
const (
	maxNodes = 9
	maxChunk = transport.DefaultMaxFrame - transport.FrameSlack
)

// DefaultConfig fills in everything that has a default.
func DefaultConfig() Config {
	return Config{
		ListenClient:     ":8000",
		ListenPeer:       ":7000",
		ElectionTimeout:  time.Second,
		ElectionJitter:   500 * time.Millisecond,
		Heartbeat:        100 * time.Millisecond,
		OperationTimeout: 4 * time.Second,
		MaxBatch:         64,
		SnapshotEvery:    5000,
		CompactTail:      1000,
		SnapshotChunk:    1 << 20,
		MaxUncommitted:   64 << 20,
		LeaseDrift:       0.1,
		SessionEntries:   int(kv.DefaultLimits().SessionEntries),
		MaxSessions:      kv.DefaultLimits().MaxSessions,
		Reads:            api.ReadIndex,
		Logger:           slog.New(slog.DiscardHandler),
	}
}

// Validate says what is wrong, which flag it is and what would be right.
func (c Config) Validate() error {
	if c.Name == "" {
		return fmt.Errorf("--name is missing; give this node one of the names in --peers, like --name n1")
	}
	if len(c.Peers) == 0 || len(c.Peers) > maxNodes {
		return fmt.Errorf("--peers names %d nodes; give 1 to %d, like --peers n1=10.0.0.1:7000,n2=10.0.0.2:7000", len(c.Peers), maxNodes)
	}
	if _, member := c.Peers[c.Name]; !member {
		return fmt.Errorf("--name %s is not in --peers; it is one of %s", c.Name, strings.Join(c.names(), ", "))
	}
	for _, name := range c.names() {
		if _, _, err := net.SplitHostPort(c.Peers[name]); err != nil {
			return fmt.Errorf("--peers: address %q of %s is not host:port: %w", c.Peers[name], name, err)
		}
	}
	if err := c.validateMembers(); err != nil {
		return err
	}
	for flag, addr := range map[string]string{"listen-client": c.ListenClient, "listen-peer": c.ListenPeer} {
		if _, _, err := net.SplitHostPort(addr); err != nil {
			return fmt.Errorf("--%s %q is not host:port: %w; give one like :8000", flag, addr, err)
		}
	}
	if c.Data == "" {
		return fmt.Errorf("--data is missing; give a directory for the log, like --data /var/lib/partita")
	}
	return c.validateBehaviour()
}

func (c Config) validateMembers() error {
	for i, name := range c.Members {
		if _, known := c.Peers[name]; !known {
			return fmt.Errorf("--members names %q, who is not in --peers; give some of %s", name, strings.Join(c.names(), ", "))
		}
		if slices.Contains(c.Members[:i], name) {
			return fmt.Errorf("--members names %s twice", name)
		}
	}
	return nil
}

func (c Config) validateBehaviour() error {
	for _, d := range []struct {
		flag     string
		value    time.Duration
		min, max time.Duration
	}{
		{"heartbeat", c.Heartbeat, time.Millisecond, 10 * time.Second},
		{"election-timeout", c.ElectionTimeout, 10 * time.Millisecond, time.Minute},
		{"election-jitter", c.ElectionJitter, time.Millisecond, time.Minute},
		{"peer-silence", c.silence(), 10 * time.Millisecond, 10 * time.Minute},
		{"operation-timeout", c.OperationTimeout, 10 * time.Millisecond, 10 * time.Minute},
	} {
		if d.value < d.min || d.value > d.max {
			return fmt.Errorf("--%s %v is out of bounds; give %v to %v", d.flag, d.value, d.min, d.max)
		}
	}
	if c.ElectionTimeout < 2*c.Heartbeat {
		return fmt.Errorf("--election-timeout %v is below two heartbeats of %v; raise it, or lower --heartbeat", c.ElectionTimeout, c.Heartbeat)
	}
	for _, n := range []struct {
		flag            string
		value, min, max int
	}{
		{"max-batch", c.MaxBatch, 1, 4096},
		{"snapshot-every", c.SnapshotEvery, 1, 10_000_000},
		{"compact-tail", c.CompactTail, 0, 10_000_000},
		{"session-entries", c.SessionEntries, 1, 1_000_000_000},
		{"max-sessions", c.MaxSessions, 1, 1_000_000},
		{"snapshot-chunk", c.SnapshotChunk, 1, maxChunk},
		{"max-uncommitted", c.MaxUncommitted, 1, 1 << 40},
	} {
		if n.value < n.min || n.value > n.max {
			return fmt.Errorf("--%s %d is out of bounds; give %d to %d", n.flag, n.value, n.min, n.max)
		}
	}
	if c.Reads != api.ReadIndex && c.Reads != api.LeaseRead {
		return fmt.Errorf("--reads %q is unknown; give %s or %s", c.Reads, api.ReadIndex, api.LeaseRead)
	}
	if !(c.LeaseDrift >= 0 && c.LeaseDrift < 1) {
		return fmt.Errorf("--lease-drift %v is out of bounds; give a part of 1, such as 0.1, below 1", c.LeaseDrift)
	}
	return nil
}

// names lists all nodes in order.
func (c Config) names() []string { return slices.Sorted(maps.Keys(c.Peers)) }

// silence is how long a peer may leave data unacknowledged.
func (c Config) silence() time.Duration {
	if c.PeerSilence == 0 {
		return 2 * c.ElectionTimeout
	}
	return c.PeerSilence
}

// voters are those that the cluster begins with, as a member has to know them:
// a node that is not among them waits to be added, and knows none.
func (c Config) voters() []core.NodeID {
	names := roster(c.names())
	members := c.Members
	if len(members) == 0 {
		members = names
	}
	if !slices.Contains(members, c.Name) {
		return nil
	}
	ids := make([]core.NodeID, len(members))
	for i, name := range members {
		ids[i] = names.id(name)
	}
	slices.Sort(ids)
	return ids
}

// cluster is a number that nodes share which agree on what has to be the same
// everywhere: leases rest on the election timeout and the drift, and what a
// session forgets is part of the state. Others are refused. The address book and
// who is a member change, and have no part in it.
func (c Config) cluster() uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, c.ElectionTimeout, c.LeaseDrift, c.SessionEntries, c.MaxSessions)
	return h.Sum64()
}

// roster translates between names and the IDs that Raft uses.
type roster []string

// id is a number made of the name alone, since logs and snapshots have it: a
// place in the list would be another's when the list grows. None for a stranger.
func (r roster) id(name string) core.NodeID {
	if !slices.Contains(r, name) {
		return core.None
	}
	return idOf(name)
}

func idOf(name string) core.NodeID {
	h := fnv.New64a()
	fmt.Fprint(h, name)
	return core.NodeID(h.Sum64())
}

// list names several, with a space between.
func (r roster) list(ids []core.NodeID) string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = r.name(id)
	}
	return strings.Join(names, " ")
}

// name is empty for nobody. Who is in the log and no longer in the list is called
// by the number.
func (r roster) name(id core.NodeID) string {
	if id == core.None {
		return ""
	}
	for _, name := range r {
		if r.id(name) == id {
			return name
		}
	}
	return fmt.Sprintf("node-%016x", uint64(id))
}
