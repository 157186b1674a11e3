package raft_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"partita/raft"
	"partita/raft/core"
)

// TestSnapshotIsStreamedWhileNewerOnesAreSaved: a follower to which a snapshot
// takes far longer than from one snapshot to the next gets a whole one, and
// nobody is late with a heartbeat over it.
func TestSnapshotIsStreamedWhileNewerOnesAreSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		c.snapshotEvery = 20
		c.network.latency = 5 * time.Millisecond
		c.config = func(cfg *raft.Config) { cfg.CompactTail, cfg.SnapshotChunk = 20, 50 }
		c.startAll()
		defer c.stopAll()
		leader := c.leader()
		far := c.others(leader)[0]
		c.network.split(1, far)
		c.propose(leader, "before", 500)
		c.agree(c.others(far)...)
		<-time.After(10 * time.Second)
		synctest.Wait()

		m := c.members[leader]
		term, _ := m.GetState()
		before := m.Counters()
		c.network.heal()
		offsets := map[core.Index]uint64{} // how far each snapshot came
		writes := 0
		c.within(time.Minute, "the follower has a snapshot", func() bool {
			for _, p := range m.Status().Peers {
				if p.ID == far && p.Snapshot > 0 {
					offsets[p.Snapshot] = max(offsets[p.Snapshot], p.SnapshotOffset)
				}
			}
			c.propose(leader, "during", 1)
			writes++
			return c.members[far].Counters().SnapshotsLoaded > 0
		})
		c.agree()
		after := m.Counters()
		if saved := after.SnapshotsSaved - before.SnapshotsSaved; saved < 5 {
			t.Errorf("only %d snapshots were saved meanwhile, in %d writes", saved, writes)
		}
		whole := slices.Max(slices.Collect(func(yield func(uint64) bool) {
			for _, offset := range offsets {
				if !yield(offset) {
					return
				}
			}
		}))
		if chunks := after.ChunksSent - before.ChunksSent; chunks < 50 || chunks > whole/50+20 {
			t.Errorf("%d chunks of 50 bytes for %d bytes: it began again and again", chunks, whole)
		}
		if n := c.members[far].Counters(); n.SnapshotsLoaded != 1 {
			t.Errorf("it took %d snapshots, want one", n.SnapshotsLoaded)
		}
		if now := c.leader(); now != leader || m.Status().Term != term {
			t.Errorf("member %d leads term %d, after %d in term %d", now, m.Status().Term, leader, term)
		}
	})
}

// TestFollowerThatComesBackGetsTheNewestSnapshot: the leader has tried to send
// it an older one for long, and nothing of that arrived.
func TestFollowerThatComesBackGetsTheNewestSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		c.snapshotEvery = 20
		c.config = func(cfg *raft.Config) { cfg.CompactTail, cfg.SnapshotChunk = 5, 50 }
		c.startAll()
		defer c.stopAll()
		leader := c.leader()
		gone := c.others(leader)[0]
		c.network.split(1, gone)
		for range 20 {
			c.propose(leader, "c", 20)
			<-time.After(time.Second)
		}
		c.agree(c.others(gone)...)
		c.network.heal()
		c.agree()
		if n := c.members[gone].Counters(); n.SnapshotsLoaded != 1 {
			t.Errorf("it took %d snapshots, want the newest alone", n.SnapshotsLoaded)
		}
	})
}
