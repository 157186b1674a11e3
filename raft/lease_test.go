package raft_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"partita/raft"
	"partita/raft/core"
)

// leased gives three members with leases, of which one has led for a while.
func leased(t *testing.T, config func(*raft.Config)) (c *cluster, leader core.NodeID) {
	c = newCluster(t, 3)
	c.config = func(cfg *raft.Config) {
		cfg.Lease = true
		if config != nil {
			config(cfg)
		}
	}
	c.startAll()
	leader = c.leader()
	c.propose(leader, "c", 3)
	c.agree()
	<-time.After(time.Second)
	synctest.Wait()
	return c, leader
}

// TestLeaseAnswersWithoutAsking: on the leader no message leaves for a read,
// and a follower asks the leader and nobody else.
func TestLeaseAnswersWithoutAsking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, leader := leased(t, nil)
		defer c.stopAll()
		follower := c.others(leader)[0]
		for _, test := range []struct {
			id       core.NodeID
			messages int // of the leader
		}{{leader, 0}, {follower, 1}} {
			before := c.network.sent(leader)
			point, err := c.members[test.id].LeaseRead(t.Context())
			if err != nil || !point.Lease || point.Index < 4 {
				t.Errorf("member %d reads at %+v (%v)", test.id, point, err)
			}
			if sent := c.network.sent(leader) - before; sent != test.messages {
				t.Errorf("for a read of %d the leader sent %d messages, want %d", test.id, sent, test.messages)
			}
			if n := c.members[test.id].Counters(); n.ReadsByLease != 1 || n.ReadsByRound != 0 {
				t.Errorf("member %d counted %+v", test.id, n)
			}
		}
		if index, err := c.members[leader].ReadIndex(t.Context()); err != nil || index < 4 || c.members[leader].Counters().ReadsByRound != 1 {
			t.Errorf("a read that does not ask for the lease: %d (%v)", index, err)
		}
		if left := c.members[leader].LeaseLeft(); left < 500*time.Millisecond || left > time.Second {
			t.Errorf("the lease holds for %v, of an election timeout of 1s", left)
		}
		if left := c.members[follower].LeaseLeft(); left != 0 {
			t.Errorf("a follower has a lease of %v", left)
		}
	})
}

// TestLeaseEndsBeforeAnotherLeads: a leader that is cut off answers by its
// lease for a while, and no more when another may lead.
func TestLeaseEndsBeforeAnotherLeads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, leader := leased(t, func(cfg *raft.Config) { cfg.LeaseDrift = 0.25 })
		defer c.stopAll()
		m := c.members[leader]
		c.network.split(1, leader)
		cut := time.Now()
		var last time.Duration // of an answer by lease, after the cut
		for {
			point, err := m.LeaseRead(t.Context())
			if err == nil && point.Lease {
				last = time.Since(cut)
				<-time.After(time.Millisecond)
				continue
			}
			if !errors.Is(err, raft.ErrNotAccepted) && !errors.Is(err, raft.ErrNoLeader) {
				t.Errorf("after its lease it reads at %+v (%v)", point, err)
			}
			break
		}
		// 1s x (1-0.25)/(1+0.25), counted from a heartbeat at most 100ms before the cut.
		if last < 490*time.Millisecond || last > 601*time.Millisecond {
			t.Errorf("the last answer by lease came %v after the cut, want just below 600ms", last)
		}
		c.leader(c.others(leader)...)
		if took := time.Since(cut); took < 900*time.Millisecond {
			t.Errorf("another leads %v after the cut", took)
		}
	})
}

// TestWithoutAClockThereIsNoLease: reads that ask for one are confirmed by a round.
func TestWithoutAClockThereIsNoLease(t *testing.T) {
	for name, config := range map[string]func(*raft.Config){
		"no leases": func(cfg *raft.Config) {
			cfg.Lease = false
			cfg.Now = func() time.Duration { panic("the clock is read in vain") }
		},
		"a clock that is unknown": func(cfg *raft.Config) { cfg.Now = func() time.Duration { return 0 } },
		"a clock that jumps": func(cfg *raft.Config) {
			now := time.Duration(0)
			cfg.Now = func() time.Duration { now += time.Minute; return now }
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, leader := leased(t, config)
				defer c.stopAll()
				for _, id := range c.voters {
					if point, err := c.members[id].LeaseRead(t.Context()); err != nil || point.Lease || point.Index < 4 {
						t.Errorf("member %d reads at %+v (%v)", id, point, err)
					}
				}
				if name == "no leases" && c.members[leader].LeaseLeft() != 0 {
					t.Error("there is a lease")
				}
			})
		})
	}
}
