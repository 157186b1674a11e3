package labs

import (
	"testing"
	"time"
)

func TestInitialElection3A(t *testing.T) {
	lab(t, 3, true, false, func(c *cluster) {
		c.oneLeader()
		c.sleep(50 * time.Millisecond) // all hear of it
		first := c.sameTerm()
		if first < 1 {
			t.Fatalf("the term is %d, want at least 1", first)
		}
		c.sleep(2 * electionTimeout)
		if again := c.sameTerm(); again != first {
			t.Errorf("the term went from %d to %d without a failure", first, again)
		}
		c.oneLeader()
	})
}

func TestReElection3A(t *testing.T) {
	const servers = 3
	lab(t, servers, true, false, func(c *cluster) {
		first := c.oneLeader()
		c.disconnect(first)
		second := c.oneLeader()
		if second == first {
			t.Fatalf("server %d leads the others and is not among them", first)
		}
		c.connect(first)
		if now := c.oneLeader(); now != second {
			t.Errorf("server %d came back, and the leader changed from %d to %d", first, second, now)
		}

		second = c.oneLeader()
		c.disconnect(second)
		c.disconnect(c.from(second, 1)...)
		c.sleep(2 * electionTimeout)
		c.noLeader() // of one alone

		c.connect(c.from(second, 1)...)
		c.oneLeader()
		c.connect(second)
		c.oneLeader()
	})
}

func TestManyElections3A(t *testing.T) {
	const servers = 7
	lab(t, servers, true, false, func(c *cluster) {
		c.oneLeader()
		for range 10 {
			out := []int{c.dice.below(servers), c.dice.below(servers), c.dice.below(servers)}
			c.disconnect(out...)
			c.oneLeader() // the four left have one, the old one or a new one
			c.connect(out...)
		}
		c.oneLeader()
	})
}
