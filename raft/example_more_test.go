package raft_test

import (
	"context"
	"fmt"

	"partita/raft"
	"partita/raft/core"
)

// The commands of many clients share an append and a sync. The callback comes
// from the Raft's owner and must not wait for anything. That a command was put
// somewhere does not mean that it was committed: that shows when it is applied.
func ExampleRaft_ProposeAsync() {
	within(1, func(ctx context.Context, c *group) error {
		leader, err := c.leader(ctx)
		if err != nil {
			return err
		}
		type answer struct {
			at  raft.Accepted
			err error
		}
		answers := make(chan answer, 1000)
		for i := range cap(answers) {
			command := fmt.Sprintf("key%d=%d", i, i)
			err := leader.ProposeAsync([]byte(command), func(at raft.Accepted, err error) { answers <- answer{at, err} })
			if err != nil {
				return err // it is in no log
			}
		}
		executed := 0
		for range cap(answers) {
			a := <-answers
			if a.err != nil {
				return a.err
			}
			if term, err := leader.await(ctx, a.at.Index); err == nil && term == a.at.Term {
				executed++
			}
		}
		fmt.Println(executed, "commands executed")
		fmt.Println("fewer appends than commands:", leader.Counters().Appends < 100)
		return nil
	})
	// Output:
	// 1000 commands executed
	// fewer appends than commands: true
}

// A server offers its state every hundred entries (see server.apply). Started
// again it gets the newest of these snapshots and then what came after.
func ExampleRaft_Snapshot() {
	within(3, func(ctx context.Context, c *group) error {
		for i := range 250 {
			if err := c.servers[1].put(ctx, fmt.Sprintf("key%d", i), "x"); err != nil {
				return err
			}
		}
		c.stop(3)
		if err := c.start(3, 1, 2, 3); err != nil {
			return err
		}
		value, err := c.servers[3].get(ctx, "key249")
		if err != nil {
			return err
		}
		s := c.servers[3]
		s.mu.Lock()
		defer s.mu.Unlock()
		fmt.Println("key249 is", value)
		fmt.Println("at least 100 values came by a snapshot:", s.restored >= 100)
		fmt.Println("values in all:", len(s.values))
		return nil
	})
	// Output:
	// key249 is x
	// at least 100 values came by a snapshot: true
	// values in all: 250
}

// With leases a leader need not ask anybody to answer a read, while a quorum's
// promise lasts. Where it has none, a round of heartbeats confirms the read.
func ExampleRaft_LeaseRead() {
	within(3, func(ctx context.Context, c *group) error {
		if err := c.servers[1].put(ctx, "colour", "blue"); err != nil {
			return err
		}
		return again(ctx, func() error {
			leader, err := c.leader(ctx)
			if err != nil {
				return err
			}
			point, err := leader.LeaseRead(ctx)
			if err != nil {
				return err
			}
			if !point.Lease {
				return raft.ErrNotReady // right as well; the example goes on until a lease is there
			}
			if _, err := leader.await(ctx, point.Index); err != nil {
				return err
			}
			leader.mu.Lock()
			defer leader.mu.Unlock()
			fmt.Println(leader.values["colour"])
			return nil
		})
	}, func(cfg *raft.Config) { cfg.Lease = true })
	// Output: blue
}

// change asks the leader, whoever that is, for a change of members, until it is
// done. An error that leaves it open goes to the caller, who may look at Members.
func (c *group) change(ctx context.Context, changes ...core.Change) error {
	return again(ctx, func() error {
		leader, err := c.leader(ctx)
		if err != nil {
			return err
		}
		members, err := leader.ChangeMembers(ctx, changes...)
		if err == nil {
			fmt.Println(members)
		}
		return err
	})
}

// Member 4 joins as a learner, gets the log, and is given a vote; member 1
// is replaced by it.
func ExampleRaft_ChangeMembers() {
	within(3, func(ctx context.Context, c *group) error {
		if err := c.servers[1].put(ctx, "colour", "blue"); err != nil {
			return err
		}
		if err := c.start(4); err != nil { // it begins with no voters, and waits
			return err
		}
		for _, ch := range []core.Change{
			{Kind: core.AddLearner, ID: 4},
			{Kind: core.AddVoter, ID: 4}, // refused, as ErrCatchingUp, until it has caught up
			{Kind: core.Remove, ID: 1},   // also if that is the leader
		} {
			if err := c.change(ctx, ch); err != nil {
				return err
			}
		}
		c.stop(1)
		value, err := c.servers[4].get(ctx, "colour")
		fmt.Println("member 4 reads", value)
		return err
	})
	// Output:
	// voters 1 2 3, learners 4
	// voters 1 2 3 4
	// voters 2 3 4
	// member 4 reads blue
}

// Before the leader is stopped, it lets another lead: nobody has to wait for
// an election timeout.
func ExampleRaft_TransferLeadership() {
	within(3, func(ctx context.Context, c *group) error {
		return again(ctx, func() error {
			if _, leads := c.servers[2].GetState(); leads {
				fmt.Println("member 2 leads")
				return nil
			}
			leader, err := c.leader(ctx)
			if err != nil {
				return err
			}
			if err := leader.TransferLeadership(ctx, 2); err != nil {
				return err
			}
			return raft.ErrNoLeader // this one leads no more; look who does
		})
	})
	// Output: member 2 leads
}
