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

	"partita/node/kv"
	"partita/raft/core"
)

// Config says which node it is and how it behaves. Fields are named after the
// flags of the node's command line.
type Config struct {
	Name         string
	Peers        map[string]string // every node's name and peer address, this one's included
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
	Reads            string
	Pprof            bool // serve /debug/pprof

	Logger *slog.Logger
}

// ReadIndex is the one way to read there is: by asking the leader to confirm
// that it leads.
const ReadIndex = "readindex"

// maxNodes bounds a cluster.
const maxNodes = 9

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
		SessionEntries:   int(kv.DefaultLimits().SessionEntries),
		MaxSessions:      kv.DefaultLimits().MaxSessions,
		Reads:            ReadIndex,
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
	if c.MaxBatch < 1 || c.MaxBatch > 4096 {
		return fmt.Errorf("--max-batch %d is out of bounds; give 1 to 4096", c.MaxBatch)
	}
	if c.SnapshotEvery < 1 || c.SnapshotEvery > 10_000_000 {
		return fmt.Errorf("--snapshot-every %d is out of bounds; give 1 to 10000000", c.SnapshotEvery)
	}
	if c.SessionEntries < 1 || c.SessionEntries > 1_000_000_000 {
		return fmt.Errorf("--session-entries %d is out of bounds; give 1 to 1000000000, the same on every node", c.SessionEntries)
	}
	if c.MaxSessions < 1 || c.MaxSessions > 1_000_000 {
		return fmt.Errorf("--max-sessions %d is out of bounds; give 1 to 1000000, the same on every node", c.MaxSessions)
	}
	if c.Reads != ReadIndex {
		return fmt.Errorf("--reads %q is unknown; the one way to read is %s", c.Reads, ReadIndex)
	}
	return nil
}

// names lists all nodes in order. A node's place in it, from 1, is its ID.
func (c Config) names() []string { return slices.Sorted(maps.Keys(c.Peers)) }

// silence is how long a peer may leave data unacknowledged.
func (c Config) silence() time.Duration {
	if c.PeerSilence == 0 {
		return 2 * c.ElectionTimeout
	}
	return c.PeerSilence
}

// cluster is a number that nodes with the same names share: those with other
// lists of peers would count other majorities, and are refused.
func (c Config) cluster() uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, strings.Join(c.names(), ","))
	return h.Sum64()
}

// roster translates between names and the IDs that Raft uses.
type roster []string

// id is a name's place in the sorted list, from 1; None for a stranger.
func (r roster) id(name string) core.NodeID { return core.NodeID(slices.Index(r, name) + 1) }

// name is empty for nobody.
func (r roster) name(id core.NodeID) string {
	if id == core.None || int(id) > len(r) {
		return ""
	}
	return r[id-1]
}
