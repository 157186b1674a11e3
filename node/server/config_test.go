package server

import (
	"strings"
	"testing"
	"time"
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
		{"leases", func(c *Config) { c.Reads = "lease" }, []string{"--reads", "readindex"}},
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

func TestRoster(t *testing.T) {
	r := roster(good().names())
	if r.id("n2") != 2 || r.id("n3") != 0 || r.name(2) != "n2" || r.name(0) != "" || r.name(3) != "" {
		t.Error("names and IDs do not agree")
	}
	if good().silence() != 2*time.Second {
		t.Errorf("peers may be silent for %v", good().silence())
	}
}
