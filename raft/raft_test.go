package raft_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"partita/raft"
	"partita/raft/core"
	"partita/raft/wal/memfs"
)

func TestElectsOneLeaderAndKeepsIt(t *testing.T) {
	for _, size := range []int{1, 3, 5} {
		t.Run(fmt.Sprintf("%d members", size), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, size)
				c.startAll()
				defer c.stopAll()
				began := time.Now()
				first := c.leader()
				if took := time.Since(began); took > 2*time.Second {
					t.Errorf("the first leader took %v", took)
				}
				term, _ := c.members[first].GetState()
				<-time.After(time.Minute)
				if again := c.leader(); again != first || c.members[first].Status().Term != term {
					t.Errorf("a quiet minute changed leader %d of term %d to %d of %d", first, term, again, c.members[again].Status().Term)
				}
			})
		})
	}
}

func TestReplicatesInOrder(t *testing.T) {
	for _, size := range []int{3, 5} {
		t.Run(fmt.Sprintf("%d members", size), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, size)
				c.startAll()
				defer c.stopAll()
				c.propose(c.leader(), "c", 500)
				if got := c.agree(); !slices.Equal(got, numbered("c", 500)) {
					t.Errorf("applied %d commands, not the 500 proposed in their order", len(got))
				}
			})
		})
	}
}

func TestAnyMemberProposesAndReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		c.startAll()
		defer c.stopAll()
		c.leader()
		for _, id := range c.voters {
			m, command := c.members[id], fmt.Sprintf("from %d", id)
			at, err := m.Propose(t.Context(), []byte(command))
			if err != nil {
				t.Fatalf("member %d: %v", id, err)
			}
			c.within(time.Second, "the command is applied", func() bool { _, last := m.state(); return last >= at.Index })
			for _, reader := range c.voters {
				index, err := c.members[reader].ReadIndex(t.Context())
				if err != nil || index < at.Index {
					t.Errorf("member %d reads at %d after a write at %d (%v)", reader, index, at.Index, err)
				}
			}
			if got, last := m.state(); last != at.Index || got[len(got)-1] != command {
				t.Errorf("entry %d is %q of entry %d, want %q of %d", last, got[len(got)-1], last, command, at.Index)
			}
		}
		follower := c.others(c.leader())[0]
		if index, _, ok := c.members[follower].Start([]byte("x")); ok {
			t.Errorf("follower %d took a command to %d", follower, index)
		}
	})
}

func TestMinorityCommitsNothingAndIsOverwritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 5)
		c.startAll()
		defer c.stopAll()
		old := c.leader()
		c.propose(old, "before", 10)
		c.agree()
		minority := []core.NodeID{old, c.others(old)[0]}
		majority := c.others(minority...)
		c.network.split(1, minority...)
		c.propose(old, "lost", 10)
		fresh := c.leader(majority...)
		c.propose(fresh, "after", 10)
		c.agree(majority...)
		want := append(numbered("before", 10), numbered("after", 10)...)
		for _, id := range minority {
			if got, _ := c.members[id].state(); !slices.Equal(got, numbered("before", 10)) {
				t.Errorf("member %d of the minority applied %v", id, got)
			}
		}
		c.network.heal()
		if got := c.agree(); !slices.Equal(got, want) {
			t.Errorf("after the heal all hold %v, want %v", got, want)
		}
	})
}

func TestIsolatedLeaderStepsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		c.startAll()
		defer c.stopAll()
		leader := c.leader()
		m := c.members[leader]
		c.network.split(1, leader)
		// Its read cannot be confirmed, and is refused when it steps down.
		if index, err := m.ReadIndex(t.Context()); !errors.Is(err, raft.ErrNoLeader) && !errors.Is(err, raft.ErrNotAccepted) {
			t.Errorf("an isolated leader reads at %d (%v)", index, err)
		}
		c.within(2*time.Second, "it steps down", func() bool { _, leads := m.GetState(); return !leads })
		if at, err := m.Propose(t.Context(), []byte("x")); !errors.Is(err, raft.ErrNoLeader) {
			t.Errorf("a member without a leader proposed to %+v (%v)", at, err)
		}
		c.leader(c.others(leader)...)
		c.network.heal()
		c.leader()
	})
}

func TestRestartFromDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		c.snapshotEvery = 40
		c.config = func(cfg *raft.Config) { cfg.CompactTail = 5 }
		c.startAll()
		defer c.stopAll()
		var want []string
		for life := range uint64(4) {
			leader := c.leader()
			if boot := c.members[leader].Status().Boot; boot != life+1 {
				t.Errorf("boot %d in life %d", boot, life)
			}
			if got := c.agree(); !slices.Equal(got, want) {
				t.Fatalf("life %d began with %d commands, want %d", life, len(got), len(want))
			}
			prefix := fmt.Sprintf("life%d-", life)
			c.propose(leader, prefix, 75)
			want = append(want, numbered(prefix, 75)...)
			c.agree()
			c.stopAll()
			for _, id := range c.voters {
				c.disks[id].Crash(memfs.LoseAll) // only what was synced is left
			}
			c.startAll()
		}
		if got := c.agree(); !slices.Equal(got, want) {
			t.Errorf("the last life began with %d commands, want %d", len(got), len(want))
		}
		if installed := c.members[1].snapshots; installed == 0 {
			t.Error("the state machine began without its snapshot")
		}
	})
}

func TestFollowerCatchesUpBySnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		c.snapshotEvery = 100
		c.config = func(cfg *raft.Config) { cfg.CompactTail, cfg.MaxTailBytes = 10, 0 }
		c.startAll()
		defer c.stopAll()
		leader := c.leader()
		behind := c.others(leader)[0]
		c.network.split(1, behind)
		c.propose(leader, "c", 1000)
		c.agree(c.others(behind)...)
		c.network.heal()
		if got := c.agree(); !slices.Equal(got, numbered("c", 1000)) {
			t.Errorf("%d commands after the heal, want 1000", len(got))
		}
		m := c.members[behind]
		if n := m.Counters(); m.snapshots == 0 || n.SnapshotsLoaded == 0 {
			t.Errorf("the follower caught up without a snapshot: %+v", n)
		}
		c.stop(behind) // and what it was sent has reached its disk
		c.disks[behind].Crash(memfs.LoseAll)
		c.start(behind)
		if got := c.agree(); !slices.Equal(got, numbered("c", 1000)) {
			t.Errorf("%d commands after a restart, want 1000", len(got))
		}
	})
}

// TestManyProposalsShareASync: what queues up while the disk is busy is made
// durable by one append.
func TestManyProposalsShareASync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		c.delay = 10 * time.Millisecond
		c.startAll()
		defer c.stopAll()
		leader := c.leader()
		c.agree()
		before := c.members[leader].Counters()
		results := make(chan error, 1000)
		for i := range cap(results) {
			m := c.members[c.voters[i%3]]
			if err := m.ProposeAsync([]byte(fmt.Sprint(i)), func(_ raft.Accepted, err error) { results <- err }); err != nil {
				t.Fatal(err)
			}
		}
		for range cap(results) {
			if err := <-results; err != nil {
				t.Fatal(err)
			}
		}
		if got := c.agree(); len(got) != cap(results) {
			t.Errorf("%d commands applied, want %d", len(got), cap(results))
		}
		after := c.members[leader].Counters()
		if entries, appends := after.Entries-before.Entries, after.Appends-before.Appends; entries != 1000 || appends > 20 {
			t.Errorf("the leader made %d entries durable by %d appends", entries, appends)
		}
	})
}

func TestConfigValidate(t *testing.T) {
	voters := []core.NodeID{3, 1, 2}
	if err := raft.DefaultConfig(2, voters).Validate(); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		spoil func(*raft.Config)
	}{
		{"not a voter", func(c *raft.Config) { c.ID = 4 }},
		{"heartbeats slower than elections", func(c *raft.Config) { c.Heartbeat = c.ElectionTimeout }},
		{"no jitter", func(c *raft.Config) { c.ElectionJitter = 0 }},
		{"no commands", func(c *raft.Config) { c.MaxCommandBytes = 0 }},
		{"no queue", func(c *raft.Config) { c.QueueLimit = 0 }},
		{"no backlog", func(c *raft.Config) { c.MaxBacklogBytes = 0 }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cfg := raft.DefaultConfig(2, voters)
			test.spoil(&cfg)
			if err := cfg.Validate(); err == nil {
				t.Error("accepted")
			}
		})
	}
}

func TestDefinite(t *testing.T) {
	tests := []struct {
		err  error
		want bool
	}{
		{raft.ErrNoLeader, true}, {raft.ErrNotAccepted, true}, {raft.ErrOverloaded, true},
		{fmt.Errorf("%w: 9 bytes", raft.ErrTooLarge), true}, {raft.ErrStopped, true},
		{raft.ErrLost, false}, {fmt.Errorf("raft: propose: %w", context.DeadlineExceeded), false}, {errors.New("?"), false},
	}
	for _, test := range tests {
		if got := raft.Definite(test.err); got != test.want {
			t.Errorf("%v: definite is %v", test.err, got)
		}
	}
}
