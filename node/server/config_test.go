package server

import (
	"slices"
	"strings"
	"testing"
	"time"

	"partita/raft/core"
)

func good() Config {
	c := DefaultConfig()
	c.Name, c.Data = "n1", "/data"
	c.Peers = map[string]string{"n1": "10.0.0.1:7000", "n2": "10.0.0.2:7000"}
	return c
}

func TestConfigComplaintsNameTheFlag(t *testing.T) {
	cases := []struct {
		name   string
		change func(c *Config)
		want   []string // parts of the complaint; none: valid
	}{
		{"good", func(*Config) {}, nil},
		{"no name", func(c *Config) { c.Name = "" }, []string{"--name"}},
		{"a stranger", func(c *Config) { c.Name = "n9" }, []string{"--name n9", "n1, n2"}},
		{"no peers", func(c *Config) { c.Peers = nil }, []string{"--peers"}},
		{"a peer without a port", func(c *Config) { c.Peers["n2"] = "10.0.0.2" }, []string{"--peers", "n2"}},
		{"no data", func(c *Config) { c.Data = "" }, []string{"--data"}},
		{"client address", func(c *Config) { c.ListenClient = "8000" }, []string{"--listen-client", "8000"}},
		{"peer address", func(c *Config) { c.ListenPeer = "7000" }, []string{"--listen-peer", "7000"}},
		{"no heartbeat", func(c *Config) { c.Heartbeat = 0 }, []string{"--heartbeat", "1ms"}},
		{"election timeout in minutes", func(c *Config) { c.ElectionTimeout = time.Hour }, []string{"--election-timeout", "1m0s"}},
		{"election timeout below heartbeat", func(c *Config) { c.ElectionTimeout = 150 * time.Millisecond }, []string{"--election-timeout", "--heartbeat"}},
		{"no jitter", func(c *Config) { c.ElectionJitter = 0 }, []string{"--election-jitter"}},
		{"negative silence", func(c *Config) { c.PeerSilence = -1 }, []string{"--peer-silence"}},
		{"no operation timeout", func(c *Config) { c.OperationTimeout = 0 }, []string{"--operation-timeout"}},
		{"no batch", func(c *Config) { c.MaxBatch = 0 }, []string{"--max-batch 0", "4096"}},
		{"no snapshots", func(c *Config) { c.SnapshotEvery = 0 }, []string{"--snapshot-every 0"}},
		{"no session entries", func(c *Config) { c.SessionEntries = 0 }, []string{"--session-entries 0"}},
		{"no sessions", func(c *Config) { c.MaxSessions = 0 }, []string{"--max-sessions 0", "1000000"}},
		{"unheard-of reads", func(c *Config) { c.Reads = "stale" }, []string{"--reads", "readindex", "lease"}},
		{"leases", func(c *Config) { c.Reads = "lease" }, nil},
		{"a drift of all time", func(c *Config) { c.LeaseDrift = 1 }, []string{"--lease-drift 1", "0.1"}},
		{"a negative drift", func(c *Config) { c.LeaseDrift = -0.1 }, []string{"--lease-drift -0.1"}},
		{"nothing uncommitted", func(c *Config) { c.MaxUncommitted = 0 }, []string{"--max-uncommitted 0"}},
		{"no chunk", func(c *Config) { c.SnapshotChunk = 0 }, []string{"--snapshot-chunk 0"}},
		{"a huge chunk", func(c *Config) { c.SnapshotChunk = maxChunk + 1 }, []string{"--snapshot-chunk", "16773120"}},
		{"no tail", func(c *Config) { c.CompactTail = 0 }, nil},
		{"a negative tail", func(c *Config) { c.CompactTail = -1 }, []string{"--compact-tail -1"}},
		{"some members", func(c *Config) { c.Members = []string{"n2"} }, nil},
		{"a strange member", func(c *Config) { c.Members = []string{"n1", "n3"} }, []string{"--members", "n3", "n1, n2"}},
		{"a member twice", func(c *Config) { c.Members = []string{"n1", "n1"} }, []string{"--members", "n1 twice"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cfg := good()
			c.change(&cfg)
			err := cfg.Validate()
			if (err == nil) != (len(c.want) == 0) {
				t.Fatalf("got %v", err)
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
		})
	}
}

// The IDs of the nodes in these tests.
var n1, n2, n3, n4 = idOf("n1"), idOf("n2"), idOf("n3"), idOf("n4")

func TestRoster(t *testing.T) {
	r := roster(good().names())
	for _, name := range r {
		if r.id(name) == core.None || r.name(r.id(name)) != name {
			t.Errorf("%s is %x, and that is %q", name, r.id(name), r.name(r.id(name)))
		}
	}
	if r.id("n3") != core.None || r.name(core.None) != "" || r.name(3) != "node-0000000000000003" {
		t.Error("strangers and nobody have names or IDs")
	}
	// Logs have the IDs, so a longer list may not change them.
	if longer := roster([]string{"n1", "n10", "n2"}); longer.id("n2") != r.id("n2") {
		t.Error("a node that is new changes the ID of another")
	}
	if good().silence() != 2*time.Second {
		t.Errorf("peers may be silent for %v", good().silence())
	}
}

// TestVoters: the same cluster begins with the same voters everywhere, and who
// waits to be added knows none. The number of the cluster is one for all.
func TestVoters(t *testing.T) {
	for _, c := range []struct {
		name    string
		members []string
		want    []core.NodeID
	}{
		{"n1", nil, []core.NodeID{n1, n2}},
		{"n2", []string{"n2", "n1"}, []core.NodeID{n1, n2}},
		{"n2", []string{"n2"}, []core.NodeID{n2}},
		{"n1", []string{"n2"}, nil},
	} {
		cfg := good()
		cfg.Name, cfg.Members = c.name, c.members
		slices.Sort(c.want)
		if got := cfg.voters(); !slices.Equal(got, c.want) {
			t.Errorf("%s with --members %v begins with %v, want %v", c.name, c.members, got, c.want)
		}
		if cfg.cluster() != good().cluster() {
			t.Errorf("--members %v makes another cluster", c.members)
		}
	}
}
