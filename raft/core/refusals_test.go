package core

import (
	"fmt"
	"strings"
	"testing"
)

func goodConfig() Config {
	return Config{
		ID: 1, Voters: []NodeID{1, 2, 3}, ElectionTimeout: 100 * ms, ElectionJitter: 50 * ms, Heartbeat: 20 * ms,
		MaxBatch: 3, MaxBatchBytes: 100, MaxInflight: 4, MaxInflightBytes: 100, MaxUncommittedBytes: 100, SnapshotChunk: 10,
	}
}

// TestConfigIsValidated breaks one thing after the other, and looks for the
// word in the error that names it.
func TestConfigIsValidated(t *testing.T) {
	for word, spoil := range map[string]func(*Config){
		"ID":                    func(c *Config) { c.ID = None },
		"sorted":                func(c *Config) { c.Voters = []NodeID{1, 3, 2} },
		"not among":             func(c *Config) { c.ID = 4 },
		"0 < heartbeat":         func(c *Config) { c.Heartbeat = 0 },
		"election timeout":      func(c *Config) { c.ElectionTimeout = c.Heartbeat },
		"jitter":                func(c *Config) { c.ElectionJitter = 0 },
		"max batch":             func(c *Config) { c.MaxBatch = 0 },
		"bytes) and max":        func(c *Config) { c.MaxBatchBytes = 0 },
		"max inflight (0)":      func(c *Config) { c.MaxInflight = 0 },
		"max inflight bytes":    func(c *Config) { c.MaxInflightBytes = 0 },
		"max uncommitted bytes": func(c *Config) { c.MaxUncommittedBytes = 0 },
		"snapshot chunk":        func(c *Config) { c.SnapshotChunk = 0 },
		"max tail bytes":        func(c *Config) { c.MaxTailBytes = -1 },
		"drift":                 func(c *Config) { c.LeaseDriftPPM = 1_000_000 },
	} {
		cfg := goodConfig()
		spoil(&cfg)
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%q is not in the error: %v", word, err)
		}
		if _, err := New(cfg, Restored{}); err == nil {
			t.Errorf("a member is made without good %s", word)
		}
		if _, err := DecodeState(cfg, nil); err == nil {
			t.Errorf("a state is decoded without good %s", word)
		}
	}
	for name, change := range map[string]func(*Config){
		"as it is":          func(*Config) {},
		"waits to be added": func(c *Config) { c.Voters = nil },
		"largest drift":     func(c *Config) { c.LeaseDriftPPM = 999_999 },
	} {
		cfg := goodConfig()
		change(&cfg)
		if err := cfg.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDisksThatCannotBe: what no run of a core leaves on a disk is refused.
func TestDisksThatCannotBe(t *testing.T) {
	three := Membership{Voters: []NodeID{1, 2, 3}}
	at := SnapshotMeta{5, 1}
	for name, disk := range map[string]struct {
		word string // in the error
		Restored
	}{
		"an entry at a wrong place":            {"entry 2 stands where 1 belongs", Restored{Entries: []Entry{{Index: 2, Term: 1}}}},
		"a hole":                               {"entry 3 stands where 2 belongs", Restored{Entries: []Entry{{Index: 1, Term: 1}, {Index: 3, Term: 1}}}},
		"a log that begins after its snapshot": {"does not meet", Restored{Snapshot: at, Members: three, Base: SnapshotMeta{6, 1}}},
		"a log that ends before its snapshot":  {"does not meet", Restored{Snapshot: at, Members: three, Base: SnapshotMeta{3, 1}, Entries: []Entry{{Index: 4, Term: 1}}}},
		"a snapshot without configuration":     {"no configuration", Restored{Snapshot: at, Base: at}},
		"a snapshot with a bad one":            {"sorted", Restored{Snapshot: at, Base: at, Members: Membership{Voters: []NodeID{2, 1}}}},
		"a configuration that is none":         {"restored entry 1", Restored{Entries: []Entry{{Index: 1, Term: 1, Kind: Configuration, Data: []byte("x")}}}},
	} {
		if _, err := New(goodConfig(), disk.Restored); err == nil || !strings.Contains(err.Error(), disk.word) {
			t.Errorf("%s: %q is not in the error: %v", name, disk.word, err)
		}
	}
	good := Restored{Snapshot: at, Members: three, Base: SnapshotMeta{4, 1}, Entries: []Entry{{Index: 5, Term: 1}}}
	if _, err := New(goodConfig(), good); err != nil {
		t.Error(err)
	}
}

// TestBrokenInvariantsPanic: a core that finds out that Raft, or its runner, is
// broken stops, and names the invariant.
func TestBrokenInvariantsPanic(t *testing.T) {
	leader := func(t *testing.T) *Core {
		c := storyCore(t, Restored{})
		elect(c)
		return c
	}
	for name, act := range map[string]func(t *testing.T){
		"first event": func(t *testing.T) { leader(t).Step(Started{}) },
		"election safety": func(t *testing.T) {
			c := leader(t)
			c.Step(from(2, c.hard.Term, Heartbeat{}))
		},
		"is not in the log": func(t *testing.T) { leader(t).log.mustTerm(99) },
		"configuration": func(t *testing.T) {
			c := storyCore(t, Restored{})
			c.Step(from(2, 1, Append{Entries: []Entry{{Index: 1, Term: 1, Kind: Configuration, Data: []byte("x")}}}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if r := fmt.Sprint(recover()); !strings.Contains(r, "invariant broken") || !strings.Contains(r, name) {
					t.Errorf("it ends with %q", r)
				}
			}()
			act(t)
		})
	}
}

// TestRequestsElsewhereAreBounded: past the bound the oldest that waits for a
// leader elsewhere is given up, a command as lost, and a leader refuses reads.
func TestRequestsElsewhereAreBounded(t *testing.T) {
	c := storyCore(t, Restored{})
	tell(c, from(2, 1, Heartbeat{}))
	refused := func(effects []Effect) (list []Refused) {
		for _, e := range effects {
			if r, ok := e.(Refused); ok {
				list = append(list, r)
			}
		}
		return list
	}
	for id := uint64(1); id <= maxRemote; id++ {
		c.Step(Propose{[]Proposal{{ID: id}}})
		c.Step(Read{IDs: []uint64{maxRemote + id}})
	}
	if got := refused(c.Step(Propose{[]Proposal{{ID: 9_999}}})); len(got) != 1 || got[0] != (Refused{1, Lost}) {
		t.Errorf("one command too many: %v", got)
	}
	if got := refused(c.Step(Read{IDs: []uint64{9_998}})); len(got) != 1 || got[0] != (Refused{maxRemote + 1, NotAccepted}) {
		t.Errorf("one read too many: %v", got)
	}

	c = storyCore(t, Restored{})
	elect(c)
	for id := range uint64(maxRemote) {
		if got := refused(c.Step(Read{IDs: []uint64{id}})); got != nil {
			t.Fatalf("read %d is refused: %v", id, got)
		}
	}
	if got := refused(c.Step(Read{IDs: []uint64{9_999}})); len(got) != 1 || got[0] != (Refused{9_999, NotAccepted}) {
		t.Errorf("one read too many at a leader: %v", got)
	}
}

// TestNamesOfWhatIsUnknown: reports name what they do not know, too.
func TestNamesOfWhatIsUnknown(t *testing.T) {
	if Role(99).String() != "unknown role" || mode(99).String() != "unknown mode" {
		t.Errorf("%v, %v", Role(99), mode(99))
	}
}

// TestMessagesToOthers: what is not meant for a member, or comes from nobody or
// itself, does nothing.
func TestMessagesToOthers(t *testing.T) {
	c := storyCore(t, Restored{})
	for _, e := range []Envelope{
		{From: 2, To: 3, Term: 9, Message: Vote{}},
		{From: 1, To: 1, Term: 9, Message: Vote{}},
		{From: None, To: 1, Term: 9, Message: Vote{}},
	} {
		if got := c.Step(Received{Envelope: e}); len(got) > 0 {
			t.Errorf("%+v does %v", e, got)
		}
	}
}
