package labs

import (
	"slices"
	"sync"
	"testing"
	"time"
)

func TestBasicAgree3B(t *testing.T) {
	lab(t, 3, true, false, func(c *cluster) {
		for index := 1; index <= 3; index++ {
			c.mustBeOpen(index, "before anything was started")
			c.agreeAt(index, index*100, 3)
		}
	})
}

// TestRPCBytes3B: each command travels to each server once.
func TestRPCBytes3B(t *testing.T) {
	const servers, commands, size, allowance = 3, 10, 5000, 50000
	lab(t, servers, true, false, func(c *cluster) {
		c.one(99, servers, false)
		before := c.network.Bytes()
		for i := range commands {
			c.agreeAt(2+i, c.long(size), servers)
		}
		got, want := c.network.Bytes()-before, servers*commands*size
		if got > want+allowance || got < (servers-1)*commands*size {
			t.Errorf("%d bytes were sent for %d commands of %d bytes; at most %d are expected", got, commands, size, want+allowance)
		}
	})
}

// TestFollowerFailure3B: a leader without followers commits nothing.
func TestFollowerFailure3B(t *testing.T) {
	const servers = 3
	lab(t, servers, true, false, func(c *cluster) {
		c.one(101, servers, false)
		c.disconnect(c.from(c.oneLeader(), 1)...)
		c.one(102, servers-1, false)
		c.sleep(electionTimeout)
		c.one(103, servers-1, false)

		leader := c.oneLeader()
		c.disconnect(c.from(leader, 1, 2)...)
		if index, _ := c.lead(leader, 104); index != 4 {
			t.Fatalf("the fourth command is at %d", index)
		}
		c.sleep(2 * electionTimeout)
		c.mustBeOpen(4, "without a quorum")
	})
}

// TestLeaderFailure3B: one leader after the other is lost.
func TestLeaderFailure3B(t *testing.T) {
	const servers = 3
	lab(t, servers, true, false, func(c *cluster) {
		c.one(101, servers, false)
		c.disconnect(c.oneLeader())
		c.one(102, servers-1, false)
		c.sleep(electionTimeout)
		c.one(103, servers-1, false)
		c.disconnect(c.oneLeader())
		for i := range servers {
			c.raft(i).Start(104)
		}
		c.sleep(2 * electionTimeout)
		c.mustBeOpen(4, "without a quorum")
	})
}

// TestFailAgree3B: a follower catches up after it was cut off.
func TestFailAgree3B(t *testing.T) {
	const servers = 3
	lab(t, servers, true, false, func(c *cluster) {
		c.one(101, servers, false)
		out := c.from(c.oneLeader(), 1)
		c.disconnect(out...)
		c.one(102, servers-1, false)
		c.one(103, servers-1, false)
		c.sleep(electionTimeout)
		c.one(104, servers-1, false)
		c.one(105, servers-1, false)
		c.connect(out...)
		c.one(106, servers, true)
		c.sleep(electionTimeout)
		c.one(107, servers, true)
	})
}

// TestFailNoAgree3B: two of five commit nothing, and what they have may be replaced.
func TestFailNoAgree3B(t *testing.T) {
	const servers = 5
	lab(t, servers, true, false, func(c *cluster) {
		c.one(10, servers, false)
		leader := c.oneLeader()
		out := c.from(leader, 1, 2, 3)
		c.disconnect(out...)
		if index, _ := c.lead(leader, 20); index != 2 {
			t.Fatalf("the second command is at %d", index)
		}
		c.sleep(2 * electionTimeout)
		c.mustBeOpen(2, "without a quorum")

		c.connect(out...)
		if index, _ := c.lead(c.oneLeader(), 30); index < 2 || index > 3 {
			t.Fatalf("after the heal a command is at %d, want 2, or 3 if the lost one is kept", index)
		}
		c.one(1000, servers, true)
	})
}

// TestConcurrentStarts3B: commands started at once all get in.
func TestConcurrentStarts3B(t *testing.T) {
	const servers, starts = 3, 5
	lab(t, servers, true, false, func(c *cluster) {
		for try := range 5 {
			if try > 0 {
				c.sleep(3 * time.Second)
			}
			leader := c.oneLeader()
			_, term, ok := c.raft(leader).Start(1)
			if !ok {
				continue // it stepped down meanwhile
			}
			indices := make(chan int, starts)
			var starting sync.WaitGroup
			for i := range starts {
				starting.Go(func() {
					if index, in, ok := c.raft(leader).Start(100 + i); ok && in == term {
						indices <- index
					}
				})
			}
			starting.Wait()
			close(indices)
			if c.heldTerm(term) && c.hold(indices, term, starts) {
				return
			}
		}
		t.Fatal("the term changed in every try")
	})
}

// heldTerm says whether all servers are in a term.
func (c *cluster) heldTerm(term int) bool {
	for i := range c.servers {
		if now, _ := c.state(i); now != term {
			return false
		}
	}
	return true
}

// hold waits for what is at the indices, and fails the test unless it is the
// commands from 100 on. False says that the term changed.
func (c *cluster) hold(indices <-chan int, term, count int) bool {
	c.t.Helper()
	var got []int
	for index := range indices {
		command, ok := c.wait(index, len(c.servers), term)
		if !ok {
			return false
		}
		got = append(got, command.(int))
	}
	slices.Sort(got)
	want := make([]int, count)
	for i := range want {
		want[i] = 100 + i
	}
	if !slices.Equal(got, want) {
		c.t.Fatalf("of the commands %v there are %v in the log", want, got)
	}
	return true
}

// TestRejoin3B: a leader that was cut off comes back with entries of its own.
func TestRejoin3B(t *testing.T) {
	const servers = 3
	lab(t, servers, true, false, func(c *cluster) {
		c.one(101, servers, true)
		first := c.oneLeader()
		c.disconnect(first)
		for command := 102; command <= 104; command++ {
			c.raft(first).Start(command) // to no avail
		}
		c.one(103, servers-1, true)
		second := c.oneLeader()
		c.disconnect(second)
		c.connect(first)
		c.one(104, servers-1, true)
		c.connect(second)
		c.one(105, servers, true)
	})
}

// TestBackup3B: a leader finds quickly where logs that went far apart agree.
func TestBackup3B(t *testing.T) {
	const servers, many = 5, 50
	lab(t, servers, true, false, func(c *cluster) {
		start := func(leader int) {
			for range many {
				c.raft(leader).Start(c.some())
			}
		}
		agree := func() {
			for range many {
				c.one(c.some(), 3, true)
			}
		}
		c.one(c.some(), servers, true)
		first := c.oneLeader() // left with one follower
		c.disconnect(c.from(first, 2, 3, 4)...)
		start(first)
		c.sleep(electionTimeout / 2)
		c.disconnect(c.from(first, 0, 1)...)
		c.connect(c.from(first, 2, 3, 4)...)
		agree()

		second := c.oneLeader() // left with one follower too
		other := c.from(first, 2)[0]
		if other == second {
			other = c.from(first, 3)[0]
		}
		c.disconnect(other)
		start(second)
		c.sleep(electionTimeout / 2)
		for i := range servers {
			c.disconnect(i)
		}
		c.connect(c.from(first, 0, 1)...) // the first leader, its follower, and who missed the second's
		c.connect(other)
		agree()

		for i := range servers {
			c.connect(i)
		}
		c.one(c.some(), servers, true)
	})
}

// TestCount3B: not too many calls are made.
func TestCount3B(t *testing.T) {
	const servers, commands = 3, 10
	lab(t, servers, true, false, func(c *cluster) {
		c.oneLeader()
		if n := c.calls(); n < 1 || n > 30 {
			t.Errorf("the first election took %d calls; 1 to 30 are expected", n)
		}
		counted := false
		for try := 0; try < 5 && !counted; try++ {
			if try > 0 {
				c.sleep(3 * time.Second)
			}
			counted = c.countAgreement(commands)
		}
		if !counted {
			t.Fatal("the term changed in every try")
		}
		before := c.calls()
		c.sleep(electionTimeout)
		if n := c.calls() - before; n > servers*20 {
			t.Errorf("%d calls in an idle second; at most %d are expected", n, servers*20)
		}
	})
}

// countAgreement counts the calls that some commands take. False says that the term changed.
func (c *cluster) countAgreement(commands int) bool {
	c.t.Helper()
	leader := c.oneLeader()
	before := c.calls()
	first, term, ok := c.raft(leader).Start(1)
	if !ok {
		return false
	}
	var want []int
	for range commands + 2 {
		command := c.some()
		index, in, ok := c.raft(leader).Start(command)
		if in != term || !ok {
			return false
		}
		if index != first+len(want)+1 {
			c.t.Fatalf("command %d after %d is at %d", len(want)+1, first, index)
		}
		want = append(want, command)
	}
	for i, command := range want {
		got, ok := c.wait(first+1+i, len(c.servers), term)
		if !ok {
			return false
		}
		if got != command {
			c.t.Fatalf("%v is at %d, want %d", got, first+1+i, command)
		}
	}
	if !c.heldTerm(term) {
		return false
	}
	if n, most := c.calls()-before, (commands+1+3)*3; n > most {
		c.t.Errorf("%d calls for %d commands; at most %d are expected", n, commands, most)
	}
	return true
}
