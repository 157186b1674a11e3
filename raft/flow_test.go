package raft_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"partita/raft"
	"partita/raft/core"
)

// TestLeaderAndFollowersSyncTogether: entries leave for the followers before
// the leader's own sync has ended, and are committed by theirs; the leader
// applies them only when its disk has them too.
func TestLeaderAndFollowersSyncTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		c.config = func(cfg *raft.Config) { cfg.ElectionTimeout = 3 * time.Second }
		c.delay = 500 * time.Millisecond
		c.start(1)
		c.delay = 0
		c.start(2)
		c.start(3)
		defer c.stopAll()
		leader := c.leader()
		if leader != 1 {
			c.agree()
			if err := c.members[leader].TransferLeadership(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			leader = c.leader()
		}
		c.agree()
		<-time.After(time.Second)
		synctest.Wait()

		m := c.members[leader]
		index, _, ok := m.Start([]byte("x"))
		if leader != 1 || !ok {
			t.Fatalf("member %d leads and takes a command: %v", leader, ok)
		}
		<-time.After(100 * time.Millisecond)
		synctest.Wait()
		for _, id := range ids(2, 3) {
			if s := c.members[id].Status(); s.Durable < index {
				t.Errorf("follower %d has %d on disk, want %d", id, s.Durable, index)
			}
		}
		switch s := m.Status(); {
		case m.storage.busy.Load() == 0 || s.Durable >= index:
			t.Errorf("the leader's sync is over: %+v", s)
		case s.Commit < index:
			t.Errorf("the leader has committed %d, want %d by its followers' syncs", s.Commit, index)
		case s.Applied >= index:
			t.Errorf("the leader has applied what is not on its disk: %+v", s)
		}
		c.agree()
	})
}

// TestAppendsArePipelined: the leader does not wait for one answer before it
// sends more, up to its limits.
func TestAppendsArePipelined(t *testing.T) {
	const commands, bytes = 30, 1000
	for _, test := range []struct {
		name                string
		inflight, bytes     int
		wantMost            int // messages under way
		roundTrips, atLeast int // that 30 commands take
	}{
		{"no limit in the way", 64, 1 << 20, commands, 1, 1},
		{"ten messages", 10, 1 << 20, 10, 3, 3},
		{"five thousand bytes", 64, 5000, 5, 6, 6},
		{"one message", 1, 1 << 20, 1, 30, 30},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, 3)
				c.network.latency = 50 * time.Millisecond
				c.config = func(cfg *raft.Config) {
					cfg.MaxBatch, cfg.MaxInflight, cfg.MaxInflightBytes = 1, test.inflight, test.bytes
				}
				c.startAll()
				defer c.stopAll()
				leader := c.leader()
				c.agree()
				<-time.After(time.Second)
				synctest.Wait()
				m := c.members[leader]
				began, most := time.Now(), 0
				var last core.Index
				for i := range commands {
					index, _, ok := m.Start([]byte(fmt.Sprintf("%02d%s", i, strings.Repeat("x", bytes-2))))
					if !ok {
						t.Fatal("the leader takes no command")
					}
					last = index
				}
				c.within(10*time.Second, "all are committed", func() bool {
					for _, p := range m.Status().Peers {
						most = max(most, p.Inflight)
					}
					return m.Status().Commit >= last
				})
				trips := int(time.Since(began) / (100 * time.Millisecond))
				if most != test.wantMost || trips < test.atLeast || trips > test.roundTrips {
					t.Errorf("at most %d messages under way and %d round trips; want %d, and %d to %d", most, trips, test.wantMost, test.atLeast, test.roundTrips)
				}
			})
		})
	}
}

// TestTooMuchUncommittedIsRefused: a leader whose followers do not answer
// takes only so much, wherever it was proposed, and goes on when they do.
func TestTooMuchUncommittedIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		c.config = func(cfg *raft.Config) { cfg.MaxUncommittedBytes = 10_000 }
		c.startAll()
		defer c.stopAll()
		leader := c.leader()
		c.agree()
		c.network.lose(func(e core.Envelope) bool { _, reply := e.Message.(core.AppendReply); return reply })
		m := c.members[leader]
		taken := 0
		for range 20 {
			if _, err := m.Propose(t.Context(), make([]byte, 1000)); err == nil {
				taken++
			} else if !errors.Is(err, raft.ErrOverloaded) || !raft.Definite(err) || !strings.Contains(err.Error(), "not committed") {
				t.Fatalf("command %d: %v", taken+1, err)
			}
		}
		if s := m.Status(); taken != 10 || s.Uncommitted != 10_000 {
			t.Errorf("%d commands of 1000 bytes taken, %d bytes not committed; want 10 and 10000", taken, s.Uncommitted)
		}
		follower := c.members[c.others(leader)[0]]
		if _, err := follower.Propose(t.Context(), make([]byte, 1000)); !errors.Is(err, raft.ErrOverloaded) {
			t.Errorf("a command forwarded: %v", err)
		}
		if n := m.Counters().Overloaded; n != 10 {
			t.Errorf("%d refusals counted, want those of the own clients, 10", n)
		}
		c.network.lose(nil)
		c.agree()
		if _, err := m.Propose(t.Context(), make([]byte, 1000)); err != nil {
			t.Errorf("after all were committed: %v", err)
		}
	})
}
