package labs

import (
	"sync"
	"testing"
	"time"
)

// restart crashes a server, unless it is down, and starts and connects it again.
func (c *cluster) restart(servers ...int) {
	for _, i := range servers {
		c.start(i)
		c.connect(i)
	}
}

// all are the numbers of all servers.
func (c *cluster) all() []int {
	var all []int
	for i := range c.servers {
		all = append(all, i)
	}
	return all
}

func TestPersist13C(t *testing.T) {
	const servers = 3
	lab(t, servers, true, false, func(c *cluster) {
		c.one(11, servers, true)
		for i := range servers {
			c.crash(i)
		}
		c.restart(c.all()...)
		c.one(12, servers, true)

		c.restart(c.oneLeader())
		c.one(13, servers, true)

		leader := c.oneLeader()
		c.disconnect(leader)
		c.one(14, servers-1, true)
		c.restart(leader)
		c.wait(4, servers, -1) // before anything else is started

		out := c.from(c.oneLeader(), 1)
		c.disconnect(out...)
		c.one(15, servers-1, true)
		c.restart(out...)
		c.one(16, servers, true)
	})
}

// TestPersist23C: majorities of five change, and each knows what the last had.
func TestPersist23C(t *testing.T) {
	const servers = 5
	lab(t, servers, true, false, func(c *cluster) {
		index := 1
		agree := func(count int) {
			c.one(10+index, count, true)
			index++
		}
		for range 5 {
			agree(servers)
			leader := c.oneLeader()
			c.disconnect(c.from(leader, 1, 2)...)
			agree(servers - 2)
			c.disconnect(c.from(leader, 0, 3, 4)...)
			c.restart(c.from(leader, 1, 2)...)
			c.sleep(electionTimeout)
			c.restart(c.from(leader, 3)...)
			agree(servers - 2)
			c.connect(c.from(leader, 4, 0)...)
		}
		c.one(1000, servers, true)
	})
}

// TestPersist33C: the leader and who was cut off go on while the one follower is down.
func TestPersist33C(t *testing.T) {
	lab(t, 3, true, false, func(c *cluster) {
		c.one(101, 3, true)
		leader := c.oneLeader()
		c.disconnect(c.from(leader, 2)...)
		c.one(102, 2, true)
		for _, i := range c.from(leader, 0, 1) {
			c.crash(i)
		}
		c.connect(c.from(leader, 2)...)
		c.restart(leader)
		c.one(103, 2, true)
		c.restart(c.from(leader, 1)...)
		c.one(104, 3, true)
	})
}

// TestFigure83C: leaders crash soon after they took a command, so that entries
// of old terms lie in logs as in figure 8.
func TestFigure83C(t *testing.T) {
	const servers = 5
	lab(t, servers, true, false, func(c *cluster) {
		c.one(c.some(), 1, true)
		up := servers
		for range 1000 {
			leader := -1
			for i := range servers {
				if rf := c.raft(i); rf != nil {
					if _, _, ok := rf.Start(c.some()); ok {
						leader = i
					}
				}
			}
			if c.dice.below(1000) < 100 {
				c.sleep(c.dice.upTo(electionTimeout / 2))
			} else {
				c.sleep(c.dice.upTo(13 * time.Millisecond))
			}
			if leader >= 0 {
				c.crash(leader)
				up--
			}
			if up < 3 {
				if i := c.dice.below(servers); c.raft(i) == nil {
					c.restart(i)
					up++
				}
			}
		}
		for i := range servers {
			if c.raft(i) == nil {
				c.restart(i)
			}
		}
		c.one(c.some(), servers, true)
	})
}

func TestUnreliableAgree3C(t *testing.T) {
	const servers = 5
	lab(t, servers, false, false, func(c *cluster) {
		var agreeing sync.WaitGroup
		for round := 1; round < 50; round++ {
			for i := range 4 {
				agreeing.Go(func() { c.one(100*round+i, 1, true) })
			}
			c.one(round, 1, true)
		}
		c.network.Unreliable(false)
		agreeing.Wait()
		c.one(100, servers, true)
	})
}

// TestFigure8Unreliable3C: as in figure 8, but leaders are cut off, and the
// network loses messages and holds answers back.
func TestFigure8Unreliable3C(t *testing.T) {
	const servers = 5
	lab(t, servers, false, false, func(c *cluster) {
		c.one(c.dice.below(10000), 1, true)
		up := servers
		for round := range 1000 {
			if round == 200 {
				c.network.LongReordering(true)
			}
			leader := -1
			for i := range servers {
				if _, _, ok := c.raft(i).Start(c.dice.below(10000)); ok && c.network.Connected(i) {
					leader = i
				}
			}
			if c.dice.below(1000) < 100 {
				c.sleep(c.dice.upTo(electionTimeout / 2))
			} else {
				c.sleep(c.dice.upTo(13 * time.Millisecond))
			}
			if leader >= 0 && c.dice.below(1000) < 500 {
				c.disconnect(leader)
				up--
			}
			if up < 3 {
				if i := c.dice.below(servers); !c.network.Connected(i) {
					c.connect(i)
					up++
				}
			}
		}
		c.connect(c.all()...)
		c.one(c.dice.below(10000), servers, true)
	})
}

func TestReliableChurn3C(t *testing.T)   { churn(t, true) }
func TestUnreliableChurn3C(t *testing.T) { churn(t, false) }

// churn has clients start commands while servers crash, restart and are cut
// off. What a client saw committed must be in the log at the end.
func churn(t *testing.T, reliable bool) {
	const servers, clients = 5, 3
	lab(t, servers, reliable, false, func(c *cluster) {
		stop := make(chan struct{})
		seen := make(chan []int, clients)
		var running sync.WaitGroup
		for i := range clients {
			running.Go(func() { seen <- c.client(i, stop) })
		}
		for range 20 {
			if c.dice.below(1000) < 200 {
				c.disconnect(c.dice.below(servers))
			}
			if c.dice.below(1000) < 500 {
				i := c.dice.below(servers)
				if c.raft(i) == nil {
					c.start(i)
				}
				c.connect(i)
			}
			if c.dice.below(1000) < 200 {
				c.crash(c.dice.below(servers))
			}
			c.sleep(electionTimeout * 7 / 10)
		}
		c.sleep(electionTimeout)
		c.network.Unreliable(false)
		for i := range servers {
			if c.raft(i) == nil {
				c.start(i)
			}
			c.connect(i)
		}
		close(stop)
		running.Wait()
		close(seen)
		c.sleep(electionTimeout)
		last := c.one(c.some(), servers, true)
		kept := map[any]bool{}
		for index := 1; index <= last; index++ {
			command, _ := c.wait(index, servers, -1)
			kept[command] = true
		}
		total := 0
		for commands := range seen {
			total += len(commands)
			for _, command := range commands {
				if !kept[command] {
					t.Errorf("a client saw %d committed, and it is not in the log", command)
				}
			}
		}
		if total < 10 {
			t.Errorf("only %d commands were seen committed", total)
		}
	})
}

// client starts commands until it is stopped, and gives those that it saw committed.
func (c *cluster) client(me int, stop <-chan struct{}) []int {
	var seen []int
	for {
		select {
		case <-stop:
			return seen
		default:
		}
		command, index := c.some(), -1
		for i := range c.servers {
			if rf := c.raft(i); rf != nil {
				if at, _, ok := rf.Start(command); ok {
					index = at
				}
			}
		}
		if index == -1 {
			c.sleep(time.Duration(79+me*17) * time.Millisecond)
			continue
		}
		for _, ms := range []time.Duration{10, 20, 50, 100, 200} {
			if n, got := c.committed(index); n > 0 {
				if got == command {
					seen = append(seen, command)
				}
				break
			}
			c.sleep(ms * time.Millisecond)
		}
	}
}
