package core

import "slices"

// transfer is the leader's wish that another member lead (thesis §3.10).
type transfer struct {
	id uint64
	to NodeID // None: no transfer is under way
}

// onTransferLeadership begins a transfer: the leader takes no proposals, lets
// the other catch up and then asks it to stand for election at once. It goes
// on leading if that has not happened within an election timeout.
func (c *Core) onTransferLeadership(ev TransferLeadership) {
	switch {
	case c.role != Leader:
		c.emit(Refused{ev.ID, NotLeader})
	case c.lead.transfer.to != None:
		c.emit(Refused{ev.ID, Transferring})
	case ev.To == c.cfg.ID || !slices.Contains(c.members().Voters, ev.To):
		c.emit(Refused{ev.ID, BadChange})
	case !c.reachable(ev.To):
		c.emit(Refused{ev.ID, CatchingUp})
	default:
		c.lead.transfer = transfer{ev.ID, ev.To}
		c.emit(SetTimer{TransferTimer, c.cfg.ElectionTimeout})
		c.urge()
	}
}

// reachable says whether a member answered within the last two election timeouts.
func (c *Core) reachable(id NodeID) bool {
	p := c.peer(id)
	return p != nil && (p.heard || p.active)
}

// urge asks the member that is to lead to stand for election, once it has the
// whole log. From then on no lease holds in this term: that message may arrive
// late, and voters need not be loyal to whoever sends it.
func (c *Core) urge() {
	to := c.lead.transfer.to
	if to == None {
		return
	}
	if p := c.peer(to); p != nil && p.match == c.log.last().Index {
		c.lead.yielded = true
		c.send(to, TimeoutNow{})
	}
}

// endTransfer tells how a transfer ended, if one is under way.
func (c *Core) endTransfer(done bool) {
	t := c.lead.transfer
	if t.to == None {
		return
	}
	c.lead.transfer = transfer{}
	c.emit(StopTimer{TransferTimer})
	if done {
		c.emit(TransferDone{t.id})
	} else {
		c.emit(Refused{t.id, Abandoned})
	}
}

// onTimeoutNow stands for election at once, since the leader itself asks for it.
func (c *Core) onTimeoutNow(e Envelope) {
	c.heed(e.From)
	if !c.install.resetting && c.mayStand() {
		c.stand(true)
	}
}
