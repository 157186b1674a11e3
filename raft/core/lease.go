package core

// A leader's lease (thesis §6.4.1): when a quorum has acknowledged a round of
// heartbeats, no other leader is elected until an election timeout after that
// round was sent, since each of them ignores candidates for that long
// (onReceived) and any other quorum shares a voter with it. A voter measures the
// timeout on its own clock, the leader the lease on its own; the drift that
// both may have shortens the lease.

// stamp says when a round of heartbeats was sent, at the earliest.
type stamp struct {
	round uint64
	at    Instant
}

// maxStamps bounds the rounds whose sending is remembered. One that is not
// remembered gives no lease.
const maxStamps = 64

// stampRound remembers the instant of the event that made the leader send a
// round: the round leaves after it.
func (c *Core) stampRound() {
	if c.cfg.Lease && c.now != 0 && len(c.lead.stamps) < maxStamps {
		c.lead.stamps = append(c.lead.stamps, stamp{c.lead.round, c.now})
	}
}

// extendLease counts the lease from the latest round that a quorum acknowledged.
func (c *Core) extendLease(confirmed uint64) {
	done := 0
	for done < len(c.lead.stamps) && c.lead.stamps[done].round <= confirmed {
		c.lead.leased = max(c.lead.leased, c.lead.stamps[done].at)
		done++
	}
	c.lead.stamps = append([]stamp(nil), c.lead.stamps[done:]...)
}

// leaseEnd is the instant at which the lease ends, 0 if there is none. A clock
// that is fast by the drift sees an election timeout end after ET/(1+d) of true
// time, and one that is slow by it measures (1-d) of true time: what the leader
// may measure is ET(1-d)/(1+d).
func (c *Core) leaseEnd() Instant {
	if c.role != Leader || c.lead.leased == 0 || c.lead.yielded {
		return 0
	}
	const million = 1_000_000
	drift := Duration(c.cfg.LeaseDriftPPM)
	span := c.cfg.ElectionTimeout * (million - drift) / (million + drift)
	return c.lead.leased + Instant(span)
}

// leaseHolds says whether the leader can answer a read at once. Like any read
// it needs an entry committed in the term (§8).
func (c *Core) leaseHolds() bool {
	return c.cfg.Lease && c.now != 0 && c.now >= c.lead.leased && c.now < c.leaseEnd() && c.committedInTerm()
}
