package raft_test

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"partita/raft"
	"partita/raft/core"
)

// TestAnyFailureOfTheDiskSilencesTheMember: whichever call of the storage
// fails, from then on the member sends nothing and ends no request well, and
// the others go on without it.
func TestAnyFailureOfTheDiskSilencesTheMember(t *testing.T) {
	for _, test := range []struct {
		call     string
		follower bool // the call is the far follower's, not the leader's
	}{
		{"Append", false}, {"Append", true}, {"SaveSnapshot", false}, {"Cut", false}, {"SnapshotChunk", false}, {"Reset", true},
	} {
		name := test.call + " of the leader"
		if test.follower {
			name = test.call + " of a follower"
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, 4)
				c.snapshotEvery = 50
				c.config = func(cfg *raft.Config) { cfg.CompactTail = 5 }
				c.startAll()
				defer c.stopAll()
				leader := c.leader()
				far := c.others(leader)[0] // so far behind that it needs a snapshot
				c.network.split(1, far)
				near := c.others(far)
				c.propose(leader, "c", 120)
				c.agree(near...)

				broken := leader
				if test.follower {
					broken = far
				}
				m := c.members[broken]
				m.storage.failIn.Store(&test.call)
				c.network.heal()
				var ended fates
				for limit := time.Now().Add(time.Minute); m.Err() == nil && time.Now().Before(limit); {
					ended.ask(m.Raft)
					<-time.After(10 * time.Millisecond)
				}
				<-m.Failed()
				sent, well := c.network.sent(broken), ended.count()
				if err := m.Err(); !errors.Is(err, errDisk) {
					t.Fatalf("Err is %v", err)
				}
				<-time.After(5 * time.Second)
				ended.ask(m.Raft)
				synctest.Wait()
				if now := c.network.sent(broken); now != sent {
					t.Errorf("it sent %d messages after the failure", now-sent)
				}
				if now := ended.count(); now != well {
					t.Errorf("%d requests ended well after the failure", now-well)
				}
				if open := ended.open(); open != 0 {
					t.Errorf("%d requests never ended", open)
				}
				rest := c.others(broken)
				c.propose(c.leader(rest...), "after", 100)
				c.agree(rest...)
			})
		})
	}
}

// TestWhatWaitsWhenTheDiskFailsEndsBadly: the failure comes while the owner is
// busy and much waits for its turn. None of that is served any more.
func TestWhatWaitsWhenTheDiskFailsEndsBadly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		c.delay = 50 * time.Millisecond
		c.config = func(cfg *raft.Config) { cfg.Lease = true }
		c.startAll()
		defer c.stopAll()
		m := c.members[c.leader()]
		c.agree()
		<-time.After(time.Second)
		synctest.Wait()
		call := "Append"
		m.storage.failIn.Store(&call)
		var ended fates
		ended.ask(m.Raft) // what the disk fails at
		synctest.Wait()
		hold, held := make(chan struct{}), make(chan struct{})
		if err := m.ReadAsync(true, func(raft.ReadPoint, error) { close(held); <-hold }); err != nil {
			t.Fatal(err)
		}
		<-held
		<-time.After(200 * time.Millisecond) // and heartbeats are due
		if m.Err() == nil {
			t.Fatal("the disk has not failed")
		}
		sent, well := c.network.sent(m.Status().ID), ended.count()
		for range 100 {
			ended.ask(m.Raft)
		}
		close(hold)
		<-m.Failed()
		if now := c.network.sent(m.Status().ID); now != sent {
			t.Errorf("it sent %d messages after the failure", now-sent)
		}
		if now := ended.count(); now != well || ended.open() != 0 {
			t.Errorf("after the failure %d requests ended well, and %d never did", now-well, ended.open())
		}
	})
}

// fates counts how requests ended.
type fates struct {
	mu                 sync.Mutex
	asked, well, badly int
}

func (f *fates) end(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil {
		f.well++
	} else {
		f.badly++
	}
}

// ask makes one request of each kind that does not wait.
func (f *fates) ask(r *raft.Raft) {
	for _, err := range []error{
		r.ProposeAsync([]byte("x"), func(_ raft.Accepted, err error) { f.end(err) }),
		r.ReadAsync(false, func(_ raft.ReadPoint, err error) { f.end(err) }),
		r.ChangeMembersAsync([]core.Change{addLearner(9)}, func(_ core.Membership, err error) { f.end(err) }),
	} {
		f.mu.Lock()
		f.asked++
		f.mu.Unlock()
		if err != nil {
			f.end(err)
		}
	}
}

// count is how many ended well.
func (f *fates) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.well
}

// open is how many have not ended.
func (f *fates) open() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked - f.well - f.badly
}

// TestNothingIsAcknowledgedThatFailed: a follower whose disk fails during an
// append acknowledges nothing of it, not even while the disk still tries.
func TestNothingIsAcknowledgedThatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		c.startAll()
		defer c.stopAll()
		leader := c.leader()
		c.agree()
		follower := c.others(leader)[0]
		c.stop(follower)
		c.delay = 100 * time.Millisecond
		m := c.start(follower)
		c.agree()
		last := c.members[leader].Status().Last
		call := "Append"
		m.storage.failIn.Store(&call)
		var mu sync.Mutex
		acknowledged := core.Index(0)
		c.network.lose(func(e core.Envelope) bool {
			if reply, ok := e.Message.(core.AppendReply); ok && e.From == follower && reply.Accepted {
				mu.Lock()
				defer mu.Unlock()
				acknowledged = max(acknowledged, reply.Match)
			}
			return false
		})
		c.propose(leader, "c", 10)
		<-m.Failed()
		c.agree(c.others(follower)...)
		mu.Lock()
		defer mu.Unlock()
		if acknowledged > last {
			t.Errorf("it acknowledged up to %d, and its disk has %d", acknowledged, last)
		}
	})
}
