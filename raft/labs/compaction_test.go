package labs

import "testing"

func TestSnapshotBasic3D(t *testing.T) { snapshots(t, true, nothing) }

func TestSnapshotInstall3D(t *testing.T)           { snapshots(t, true, cutOff) }
func TestSnapshotInstallUnreliable3D(t *testing.T) { snapshots(t, false, cutOff) }
func TestSnapshotInstallCrash3D(t *testing.T)      { snapshots(t, true, crashed) }
func TestSnapshotInstallUnCrash3D(t *testing.T)    { snapshots(t, false, crashed) }

// lapse is what keeps a server from following.
type lapse int

const (
	nothing lapse = iota
	cutOff
	crashed
)

// snapshots lets the log be cut while a server does not follow; then it needs a snapshot.
func snapshots(t *testing.T, reliable bool, how lapse) {
	const servers = 3
	lab(t, servers, reliable, true, func(c *cluster) {
		c.one(c.some(), servers, true)
		leader := c.oneLeader()
		for round := range 30 {
			victim, sender := c.from(leader, 1)[0], leader
			if round%3 == 1 {
				victim, sender = sender, victim
			}
			follow := servers - 1
			switch how {
			case nothing:
				follow = servers
			case cutOff:
				c.disconnect(victim)
				c.one(c.some(), follow, true)
			case crashed:
				c.crash(victim)
				c.one(c.some(), follow, true)
			}
			for range snapshotInterval/2 + c.dice.below(snapshotInterval) {
				c.raft(sender).Start(c.some())
			}
			c.one(c.some(), follow, true) // those who apply have caught up
			if size := c.logSize(); size >= maxLogSize {
				t.Fatalf("a log takes %d bytes in spite of snapshots; at most %d are expected", size, maxLogSize)
			}
			switch how {
			case nothing:
				continue
			case cutOff:
				c.connect(victim)
			case crashed:
				c.restart(victim)
			}
			c.one(c.some(), servers, true)
			leader = c.oneLeader()
		}
		if how == nothing {
			return
		}
		installed := uint64(0)
		for i := range servers {
			installed += c.raft(i).raft.Counters().SnapshotsLoaded
		}
		if how == cutOff && installed == 0 {
			t.Error("nobody was sent a snapshot")
		}
	})
}

// TestSnapshotAllCrash3D: all crash at once, again and again, and nothing is lost.
func TestSnapshotAllCrash3D(t *testing.T) {
	const servers = 3
	lab(t, servers, false, true, func(c *cluster) {
		c.one(c.some(), servers, true)
		for range 5 {
			for range snapshotInterval/2 + c.dice.below(snapshotInterval) {
				c.one(c.some(), servers, true)
			}
			before := c.one(c.some(), servers, true)
			for i := range servers {
				c.crash(i)
			}
			c.restart(c.all()...)
			if after := c.one(c.some(), servers, true); after <= before {
				t.Fatalf("a command is at %d after all crashed, and one was at %d before", after, before)
			}
		}
	})
}

// TestSnapshotInit3D: what a server persists after a restart keeps the snapshot.
func TestSnapshotInit3D(t *testing.T) {
	const servers = 3
	lab(t, servers, false, true, func(c *cluster) {
		for range snapshotInterval + 1 {
			c.one(c.some(), servers, true)
		}
		for range 2 {
			for i := range servers {
				c.crash(i)
			}
			c.restart(c.all()...)
			c.one(c.some(), servers, true)
		}
	})
}
