package raft_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"partita/raft"
	"partita/raft/core"
	"partita/raft/wal"
	"partita/raft/wal/memfs"
)

// promptly is how long Start, GetState and Status may take, whatever the disk does.
const promptly = 10 * time.Millisecond

// askAll calls what must never wait for the disk, and says how long the
// slowest took.
func askAll(r *raft.Raft) time.Duration {
	var slowest time.Duration
	for _, call := range []func(){
		func() { r.Start([]byte("command")) },
		func() { r.GetState() },
		func() { r.Status() },
	} {
		began := time.Now()
		call()
		slowest = max(slowest, time.Since(began))
	}
	return slowest
}

// TestSlowDiskDelaysNoCall: with fsyncs of 500 ms, Start, GetState and Status
// return within 10 ms, on a leader and on a follower, also while an fsync is
// under way. Time is the bubble's: it stands still while anything computes
// and passes only when all wait, so a call that waited for the disk would
// take its full 500 ms.
func TestSlowDiskDelaysNoCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		c.delay = 500 * time.Millisecond
		// A vote takes two fsyncs, so elections need more time.
		c.config = func(cfg *raft.Config) { cfg.ElectionTimeout = 3 * time.Second }
		c.startAll()
		defer c.stopAll()
		leader := c.leader()
		for _, id := range []core.NodeID{leader, c.others(leader)[0]} {
			m, during := c.members[id], 0
			for range 300 {
				if m.storage.busy.Load() > 0 {
					during++
				}
				if took := askAll(m.Raft); took > promptly {
					t.Fatalf("member %d: a call took %v", id, took)
				}
				if id != leader {
					c.members[leader].Start([]byte("for the follower's disk"))
				}
				<-time.After(7 * time.Millisecond)
			}
			if during < 100 {
				t.Errorf("member %d: only %d of 300 rounds of calls fell into an fsync", id, during)
			}
		}
		if now := c.leader(); now != leader {
			t.Errorf("leader %d became %d", leader, now)
		}
		c.agree()
	})
}

// TestSlowDiskDelaysNoCallByTheClock is the same by the clock on the wall.
func TestSlowDiskDelaysNoCallByTheClock(t *testing.T) {
	log, err := wal.Open(memfs.New(1).Mount(), "data", wal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	storage := &slowStorage{Storage: log, delay: 500 * time.Millisecond}
	cfg := raft.DefaultConfig(1, []core.NodeID{1})
	cfg.ElectionJitter = time.Millisecond
	leads := make(chan struct{})
	cfg.OnChange = func(change core.Changed) {
		if change.Role == core.Leader {
			close(leads)
		}
	}
	net := newNetwork()
	applied := make(chan raft.ApplyMsg, 100)
	r, err := raft.Make(cfg, storage, net.join(1), applied)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Stop()
	<-leads
	during, late := 0, 0
	var slowest time.Duration
	pace := time.NewTicker(7 * time.Millisecond)
	defer pace.Stop()
	for range 100 {
		<-pace.C
		before := storage.busy.Load()
		took := askAll(r)
		if before > 0 && storage.busy.Load() > 0 {
			during++
		}
		if slowest = max(slowest, took); took > promptly {
			late++ // by a busy machine, not by the disk, if it is but one
		}
	}
	if late > 3 || slowest > 250*time.Millisecond {
		t.Errorf("%d of 100 rounds had a call that took more than %v; the slowest took %v", late, promptly, slowest)
	}
	if during < 50 {
		t.Errorf("only %d of 100 rounds of calls fell into an fsync", during)
	}
}

func TestStorageFailureStopsTheMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		c.startAll()
		defer c.stopAll()
		leader := c.leader()
		m := c.members[leader]
		select {
		case <-m.Failed():
			t.Fatal("failed before the disk did")
		default:
		}
		m.storage.failing.Store(true)
		if _, _, ok := m.Start([]byte("x")); !ok {
			t.Error("the leader did not take a command before it knew")
		}
		<-m.Failed()
		if err := m.Err(); !errors.Is(err, errDisk) {
			t.Errorf("Err is %v", err)
		}
		synctest.Wait()
		if _, leads := m.GetState(); leads {
			t.Error("it still calls itself the leader")
		}
		if _, _, ok := m.Start([]byte("y")); ok {
			t.Error("it still takes commands")
		}
		if _, err := m.Propose(t.Context(), nil); !errors.Is(err, raft.ErrStopped) {
			t.Errorf("Propose gives %v", err)
		}
		c.leader(c.others(leader)...) // it has fallen silent
	})
}

// TestStopEndsRequestsByWhatTheyMayHaveDone: a command on its way to the leader may have
// gone in, so its error is not definite; a read did nothing.
func TestStopEndsRequestsByWhatTheyMayHaveDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		c.startAll()
		defer c.stopAll()
		leader := c.leader()
		follower := c.members[c.others(leader)[0]]
		c.network.split(1, leader)
		results := make(chan error, 2)
		if err := follower.ProposeAsync([]byte("x"), func(_ raft.Accepted, err error) { results <- err }); err != nil {
			t.Fatal(err)
		}
		if err := follower.ReadAsync(false, func(_ raft.ReadPoint, err error) { results <- err }); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		follower.Stop()
		if err := <-results; !errors.Is(err, raft.ErrLost) || raft.Definite(err) {
			t.Errorf("the forwarded command ended with %v", err)
		}
		if err := <-results; !errors.Is(err, raft.ErrStopped) {
			t.Errorf("the read ended with %v", err)
		}
		if err := follower.ReadAsync(false, func(raft.ReadPoint, error) { t.Error("called though not taken") }); !errors.Is(err, raft.ErrStopped) {
			t.Errorf("a read after the stop: %v", err)
		}
		if _, _, ok := follower.Start([]byte("x")); ok {
			t.Error("a stopped member took a command")
		}
	})
}

func TestContextEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		c.startAll()
		defer c.stopAll()
		leader := c.leader()
		follower := c.members[c.others(leader)[0]]
		c.network.split(1, leader)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := follower.Propose(ctx, []byte("x")); !errors.Is(err, context.DeadlineExceeded) || raft.Definite(err) {
			t.Errorf("Propose ended with %v", err)
		}
		if _, err := follower.ReadIndex(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ReadIndex ended with %v", err)
		}
	})
}

func TestTooMuchIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1)
		c.config = func(cfg *raft.Config) {
			cfg.QueueLimit, cfg.MaxCommandBytes, cfg.MaxBacklogBytes = 3, 1000, 5000
		}
		c.delay = 100 * time.Millisecond
		c.startAll()
		defer c.stopAll()
		m := c.members[c.leader()]
		c.agree()
		if _, err := m.Propose(t.Context(), make([]byte, 1001)); !errors.Is(err, raft.ErrTooLarge) {
			t.Errorf("1001 bytes: %v", err)
		}

		// While the owner is held up by a callback, the queue fills.
		hold, held := make(chan struct{}), make(chan struct{})
		nothing := func(raft.Accepted, error) {}
		if err := m.ProposeAsync(nil, func(raft.Accepted, error) { close(held); <-hold }); err != nil {
			t.Fatal(err)
		}
		<-held
		for i := range 4 {
			if err := m.ProposeAsync(nil, nothing); errors.Is(err, raft.ErrOverloaded) != (i == 3) {
				t.Errorf("request %d of a queue of 3: %v", i+1, err)
			}
		}
		close(hold)
		c.agree()

		// While the disk is busy, the backlog fills.
		taken := 0
		for range 20 {
			if _, _, ok := m.Start(make([]byte, 1000)); ok {
				taken++
			}
		}
		if taken != 6 {
			t.Errorf("%d commands of 1000 bytes fit a backlog of 5000, want the sixth to be the last", taken)
		}
		if n := m.Counters().Overloaded; n != 1+14 {
			t.Errorf("%d refusals counted, want 15", n)
		}
		c.agree()
		if _, _, ok := m.Start(make([]byte, 1000)); !ok {
			t.Error("refused though the backlog is gone")
		}
	})
}

// TestEntriesAreShedWhileTheDiskLags: a follower whose disk cannot follow
// drops entries instead of hoarding them, and gets them again.
func TestEntriesAreShedWhileTheDiskLags(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		c.config = func(cfg *raft.Config) { cfg.MaxBacklogBytes = 2000 }
		c.startAll()
		defer c.stopAll()
		leader := c.leader()
		c.agree()
		slow := c.others(leader)[0]
		c.stop(slow)
		c.delay = 200 * time.Millisecond
		m := c.start(slow)
		for range 100 {
			if _, _, ok := c.members[leader].Start(make([]byte, 500)); !ok {
				t.Fatal("the leader, whose disk is fast, is overloaded")
			}
			<-time.After(time.Millisecond)
		}
		if got := c.agree(); len(got) != 100 {
			t.Errorf("%d commands applied, want 100", len(got))
		}
		if n := m.Counters().Shed; n == 0 {
			t.Error("nothing was shed")
		}
	})
}

// TestForwardsAreShedWhileTheDiskLags: a leader whose disk cannot follow does
// not hoard what others forward to it, although their disks, being fast, let
// it all be committed.
func TestForwardsAreShedWhileTheDiskLags(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		c.delay = 200 * time.Millisecond
		c.config = func(cfg *raft.Config) { cfg.MaxBacklogBytes, cfg.ElectionTimeout = 2000, 3*time.Second }
		c.startAll()
		defer c.stopAll()
		leader := c.leader()
		c.agree()
		c.delay = 0
		follower := c.others(leader)[0]
		c.stop(follower)
		f := c.start(follower)
		c.within(5*time.Second, "the follower knows the leader", func() bool { return f.Status().Leader == leader })
		synctest.Wait()
		before := c.members[leader].Status().Last
		for range 100 {
			if err := f.ProposeAsync(make([]byte, 500), func(raft.Accepted, error) {}); err != nil {
				t.Fatal(err)
			}
			<-time.After(time.Millisecond)
		}
		m := c.members[leader]
		if taken := m.Status().Last - before; taken > 15 {
			t.Errorf("%d forwarded commands of 500 bytes fit a backlog of 2000", taken)
		}
		if m.Counters().Shed == 0 {
			t.Error("nothing was shed")
		}
		c.agree()
	})
}
