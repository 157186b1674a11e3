package labs

import (
	"fmt"
	"time"
)

// What the tests ask of a cluster.

// oneLeader waits until exactly one of the connected servers leads in the
// latest term that any leads in. Two leaders of one term are an error.
func (c *cluster) oneLeader() int {
	c.t.Helper()
	for range 10 {
		c.sleep(450*time.Millisecond + c.dice.upTo(100*time.Millisecond))
		leaders, latest := map[int][]int{}, 0
		for i := range c.servers {
			if term, leads := c.state(i); leads && c.network.Connected(i) {
				leaders[term] = append(leaders[term], i)
				latest = max(latest, term)
			}
		}
		for term, all := range leaders {
			if len(all) > 1 {
				c.t.Fatalf("term %d has the leaders %v", term, all)
			}
		}
		if latest > 0 {
			return leaders[latest][0]
		}
	}
	c.t.Fatal("one leader is expected, and there is none")
	return 0
}

// noLeader checks that no connected server believes to lead.
func (c *cluster) noLeader() {
	c.t.Helper()
	for i := range c.servers {
		if term, leads := c.state(i); leads && c.network.Connected(i) {
			c.t.Fatalf("no leader is expected, and server %d leads in term %d", i, term)
		}
	}
}

// sameTerm checks that all connected servers agree on the term.
func (c *cluster) sameTerm() int {
	c.t.Helper()
	term := -1
	for i := range c.servers {
		if !c.network.Connected(i) {
			continue
		}
		if theirs, _ := c.state(i); term == -1 {
			term = theirs
		} else if term != theirs {
			c.t.Fatalf("servers are in the terms %d and %d", term, theirs)
		}
	}
	return term
}

// state is a server's term and whether it leads; one that is down does not.
func (c *cluster) state(i int) (term int, leads bool) {
	rf := c.raft(i)
	if rf == nil {
		return 0, false
	}
	return rf.GetState()
}

// committed says how many servers have applied an index, and what.
func (c *cluster) committed(index int) (count int, command any) {
	c.check()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.servers {
		if theirs, ok := s.log[index]; ok {
			count++
			command = theirs
		}
	}
	return count, command
}

// mustBeOpen checks that nobody has applied an index.
func (c *cluster) mustBeOpen(index int, why string) {
	c.t.Helper()
	if n, command := c.committed(index); n > 0 {
		c.t.Fatalf("%d servers applied %v at %d %s", n, command, index, why)
	}
}

// wait waits until some servers have applied an index, and says what. It gives up, false, when a
// server has gone beyond a term; -1 is never.
func (c *cluster) wait(index, servers, term int) (any, bool) {
	c.t.Helper()
	pause := 10 * time.Millisecond
	for range 30 {
		if n, _ := c.committed(index); n >= servers {
			break
		}
		c.sleep(pause)
		if pause < time.Second {
			pause *= 2
		}
		for i := range c.servers {
			if now, _ := c.state(i); term > -1 && now > term {
				return nil, false
			}
		}
	}
	n, command := c.committed(index)
	if n < servers {
		c.t.Fatalf("only %d servers of %d decided on %d", n, servers, index)
	}
	return command, true
}

// one has a command agreed upon by so many servers within ten seconds, whoever
// leads; it may be started again, also if it had been taken, with retry. It
// gives the command's index.
func (c *cluster) one(command any, servers int, retry bool) int {
	c.t.Helper()
	for at, began := 0, time.Now(); time.Since(began) < 10*time.Second; {
		index := -1
		for range c.servers {
			at = (at + 1) % len(c.servers)
			if rf := c.raft(at); rf != nil && c.network.Connected(at) {
				if i, _, ok := rf.Start(command); ok {
					index = i
					break
				}
			}
		}
		if index == -1 {
			c.sleep(50 * time.Millisecond)
			continue
		}
		for started := time.Now(); time.Since(started) < 2*time.Second; c.sleep(20 * time.Millisecond) {
			if n, got := c.committed(index); n >= servers && got == command {
				return index
			}
		}
		if !retry {
			c.t.Fatalf("%.40v was taken at %d and is not agreed upon by %d servers within 2 s", command, index, servers)
		}
	}
	c.t.Fatalf("%.40v is not agreed upon by %d servers within 10 s", command, servers)
	return 0
}

// agreeAt is one, with the index that must come out.
func (c *cluster) agreeAt(index int, command any, servers int) {
	c.t.Helper()
	if got := c.one(command, servers, false); got != index {
		c.t.Fatalf("%.40v is agreed upon at %d, want %d", command, got, index)
	}
}

// lead starts a command on a server that must take it.
func (c *cluster) lead(leader int, command any) (index, term int) {
	c.t.Helper()
	index, term, ok := c.raft(leader).Start(command)
	if !ok {
		c.t.Fatalf("leader %d does not take %.40v", leader, command)
	}
	return index, term
}

// some is a command that no other is likely to equal.
func (c *cluster) some() int { return c.dice.below(1 << 62) }

// long is a random string.
func (c *cluster) long(length int) string {
	s := ""
	for len(s) < length {
		s += fmt.Sprintf("%016x", c.dice.bits())
	}
	return s[:length]
}

// calls is what was sent to all servers, answers apart.
func (c *cluster) calls() int {
	sum := 0
	for i := range c.servers {
		sum += c.network.Calls(i)
	}
	return sum
}
