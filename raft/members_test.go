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

// ids is a list of members, for short.
func ids(list ...core.NodeID) []core.NodeID { return list }

func addLearner(id core.NodeID) core.Change { return core.Change{Kind: core.AddLearner, ID: id} }
func addVoter(id core.NodeID) core.Change   { return core.Change{Kind: core.AddVoter, ID: id} }
func remove(id core.NodeID) core.Change     { return core.Change{Kind: core.Remove, ID: id} }

// change changes the configuration and repeats it as long as the leader is new
// or a learner lacks too much.
func (c *cluster) change(leader core.NodeID, changes ...core.Change) core.Membership {
	c.t.Helper()
	var members core.Membership
	c.within(10*time.Second, fmt.Sprintf("the change %v", changes), func() bool {
		var err error
		members, err = c.members[leader].ChangeMembers(c.t.Context(), changes...)
		if err != nil && !errors.Is(err, raft.ErrNotReady) && !errors.Is(err, raft.ErrCatchingUp) {
			c.t.Fatalf("change %v: %v", changes, err)
		}
		return err == nil
	})
	return members
}

// TestClusterGrowsAndShrinks: three become five by way of learners, and then
// two others lead and vote on, without the first leader.
func TestClusterGrowsAndShrinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 5)
		c.waiting, c.snapshotEvery = ids(4, 5), 100
		c.config = func(cfg *raft.Config) { cfg.CompactTail, cfg.MaxTailBytes, cfg.SnapshotChunk = 10, 0, 100 }
		c.startAll()
		defer c.stopAll()
		first := c.leader(1, 2, 3)
		c.propose(first, "before", 500)
		c.agree(1, 2, 3)
		if m := c.members[4].Members(); len(m.All()) != 0 {
			t.Errorf("one that waits knows of %v", m)
		}

		got := c.change(first, addLearner(4), addLearner(5))
		if want := (core.Membership{Voters: ids(1, 2, 3), Learners: ids(4, 5)}); !got.Equal(want) {
			t.Errorf("first it is %v, want %v", got, want)
		}
		got = c.change(first, addVoter(4), addVoter(5))
		if want := (core.Membership{Voters: ids(1, 2, 3, 4, 5)}); !got.Equal(want) {
			t.Errorf("then it is %v, want %v", got, want)
		}
		c.propose(first, "between", 100)
		if got := c.agree(); len(got) != 600 {
			t.Errorf("%d commands applied, want 600", len(got))
		}
		if n := c.members[4].Counters(); n.SnapshotsLoaded == 0 {
			t.Errorf("member 4 came without a snapshot: %+v", n)
		}
		if n := c.members[first].Counters(); n.ChunksSent <= n.SnapshotsSent || n.Changes != 2 || n.Joint != 1 {
			t.Errorf("the leader counted %+v", n)
		}

		rest := c.others(first)
		if got = c.change(first, remove(first)); !got.Equal(core.Membership{Voters: rest}) {
			t.Errorf("without the leader it is %v", got)
		}
		second := c.leader(rest...)
		if _, leads := c.members[first].GetState(); leads {
			t.Error("one that was removed leads on")
		}
		c.propose(second, "after", 100)
		if got := c.agree(rest...); len(got) != 700 {
			t.Errorf("%d commands applied, want 700", len(got))
		}

		// What was changed is on disk.
		c.stopAll()
		for _, id := range c.voters {
			c.disks[id].Crash(memfs.LoseAll)
		}
		c.startAll()
		c.leader(rest...)
		for _, id := range rest {
			if m := c.members[id].Members(); !m.Equal(core.Membership{Voters: rest}) {
				t.Errorf("member %d restarts with %v", id, m)
			}
		}
	})
}

// TestChangesThatAreRefused is in the words of the package's errors, which
// are all definite.
func TestChangesThatAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 5)
		c.waiting = ids(4, 5)
		c.startAll()
		defer c.stopAll()
		leader := c.leader(1, 2, 3)
		c.agree(1, 2, 3)
		follower := c.others(leader, 4, 5)[0]
		c.stop(4) // so that it stays behind
		c.change(leader, addLearner(4))
		c.propose(leader, "c", 500)
		c.agree(1, 2, 3)
		for _, test := range []struct {
			name   string
			member core.NodeID
			change []core.Change
			want   error
		}{
			{"asked of a follower", follower, []core.Change{addLearner(5)}, raft.ErrNotLeader},
			{"nothing", leader, nil, raft.ErrBadChange},
			{"a voter that never learned", leader, []core.Change{addVoter(5)}, raft.ErrBadChange},
			{"a learner twice", leader, []core.Change{addLearner(4)}, raft.ErrBadChange},
			{"a stranger removed", leader, []core.Change{remove(5)}, raft.ErrBadChange},
			{"nobody left", leader, []core.Change{remove(1), remove(2), remove(3)}, raft.ErrBadChange},
			{"a learner that lacks much", leader, []core.Change{addVoter(4)}, raft.ErrCatchingUp},
		} {
			if _, err := c.members[test.member].ChangeMembers(t.Context(), test.change...); !errors.Is(err, test.want) || !raft.Definite(err) {
				t.Errorf("%s: %v, want %v", test.name, err, test.want)
			}
		}
		// One change at a time: while one cannot be committed, another is refused.
		c.network.lose(func(m core.Envelope) bool { _, reply := m.Message.(core.AppendReply); return reply })
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if _, err := c.members[leader].ChangeMembers(ctx, addLearner(5)); !errors.Is(err, context.DeadlineExceeded) || raft.Definite(err) {
			t.Errorf("a change that cannot be committed: %v", err)
		}
		if _, err := c.members[leader].ChangeMembers(t.Context(), remove(4)); !errors.Is(err, raft.ErrChangePending) {
			t.Errorf("a change beside it: %v", err)
		}
		c.network.lose(nil)
		c.within(5*time.Second, "the change comes about after all", func() bool {
			return c.members[follower].Members().Equal(core.Membership{Voters: ids(1, 2, 3), Learners: ids(4, 5)})
		})
	})
}

// TestChangeOfADeposedLeader: what a leader changed and could not commit is
// overwritten, and whoever waits for it is told.
func TestChangeOfADeposedLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		told := make(chan core.Membership, 100)
		c.config = func(cfg *raft.Config) {
			if cfg.ID == 1 {
				cfg.OnMembers = func(m core.Membership) { told <- m }
				cfg.ElectionJitter = time.Millisecond // so that it leads
			}
		}
		c.startAll()
		defer c.stopAll()
		c.leader()
		c.propose(1, "before", 1)
		c.agree()
		c.network.split(1, 1)
		answers := make(chan error, 1)
		err := c.members[1].ChangeMembersAsync([]core.Change{addLearner(9)}, func(_ core.Membership, err error) { answers <- err })
		if err != nil {
			t.Fatal(err)
		}
		c.propose(c.leader(2, 3), "after", 1)
		c.network.heal()
		c.agree()
		if err := <-answers; !errors.Is(err, raft.ErrOverwritten) || !raft.Definite(err) {
			t.Errorf("the change ended with %v", err)
		}
		all := core.Membership{Voters: ids(1, 2, 3)}
		for _, want := range []core.Membership{all, {Voters: ids(1, 2, 3), Learners: ids(9)}, all} {
			if got := <-told; !got.Equal(want) {
				t.Errorf("told of %v, want %v", got, want)
			}
		}
		if got := c.members[1].Members(); !got.Equal(all) {
			t.Errorf("in force is %v", got)
		}
	})
}

// TestStopEndsChangesAndTransfers: what is under way may come about yet.
func TestStopEndsChangesAndTransfers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		c.startAll()
		defer c.stopAll()
		leader := c.leader()
		c.agree()
		m := c.members[leader]
		c.network.split(1, leader)
		answers := make(chan error, 2)
		if err := m.ChangeMembersAsync([]core.Change{addLearner(9)}, func(_ core.Membership, err error) { answers <- err }); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		var waiting = make(chan struct{})
		go func() {
			defer close(waiting)
			answers <- m.TransferLeadership(t.Context(), c.others(leader)[0])
		}()
		synctest.Wait()
		m.Stop()
		<-waiting
		for range 2 {
			if err := <-answers; !errors.Is(err, raft.ErrLost) || raft.Definite(err) {
				t.Errorf("ended with %v", err)
			}
		}
		if _, err := m.ChangeMembers(t.Context(), addLearner(8)); !errors.Is(err, raft.ErrStopped) {
			t.Errorf("a change after the stop: %v", err)
		}
		if err := m.TransferLeadership(t.Context(), 1); !errors.Is(err, raft.ErrStopped) {
			t.Errorf("a transfer after the stop: %v", err)
		}
	})
}

func TestLeadIsTransferred(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		c.startAll()
		defer c.stopAll()
		leader := c.leader()
		c.propose(leader, "c", 100)
		c.agree()
		for range 10 {
			to := c.others(leader)[1]
			began := time.Now()
			if err := c.members[leader].TransferLeadership(t.Context(), to); err != nil {
				t.Fatalf("from %d to %d: %v", leader, to, err)
			}
			if _, leads := c.members[leader].GetState(); leads {
				t.Error("the old leader still says that it leads")
			}
			if c.leader() != to {
				t.Fatalf("%d leads, not %d", c.leader(), to)
			}
			if took := time.Since(began); took > 300*time.Millisecond {
				t.Errorf("the transfer took %v: an election timeout was waited for", took)
			}
			if n := c.members[leader].Counters().Transfers; n == 0 {
				t.Error("the transfer is not counted")
			}
			leader = to
			c.agree()
		}
		follower := c.others(leader)[0]
		for name, test := range map[string]struct {
			member, to core.NodeID
			want       error
		}{
			"asked of a follower": {follower, leader, raft.ErrNotLeader},
			"to itself":           {leader, leader, raft.ErrBadChange},
			"to a stranger":       {leader, 9, raft.ErrBadChange},
		} {
			if err := c.members[test.member].TransferLeadership(t.Context(), test.to); !errors.Is(err, test.want) || !raft.Definite(err) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// TestTransferToOneWhoIsGone is given up after an election timeout; until then
// commands are refused, by the leader and by who forwards to it.
func TestTransferToOneWhoIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3)
		c.startAll()
		defer c.stopAll()
		leader := c.leader()
		c.agree()
		gone, other := c.others(leader)[0], c.others(leader)[1]
		c.network.split(1, gone)
		answers := make(chan error, 1)
		began := time.Now()
		go func() { answers <- c.members[leader].TransferLeadership(t.Context(), gone) }()
		synctest.Wait()
		if to := c.members[leader].Status().Transferring; to != gone {
			t.Errorf("the status says that the lead goes to %d", to)
		}
		for _, id := range ids(leader, other) {
			if _, err := c.members[id].Propose(t.Context(), []byte("x")); !errors.Is(err, raft.ErrTransferring) || !raft.Definite(err) {
				t.Errorf("a command at %d meanwhile: %v", id, err)
			}
		}
		if err := c.members[leader].TransferLeadership(t.Context(), other); !errors.Is(err, raft.ErrTransferring) {
			t.Errorf("another transfer meanwhile: %v", err)
		}
		if err := <-answers; !errors.Is(err, raft.ErrAbandoned) {
			t.Errorf("the transfer ended with %v", err)
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("it was given up after %v, want the election timeout of 1s", took)
		}
		c.propose(leader, "after", 10)
		if got := c.agree(leader, other); !slices.Equal(got, numbered("after", 10)) {
			t.Errorf("applied %v", got)
		}
	})
}
