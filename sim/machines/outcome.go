package machines

import (
	"partita/node/api"
	"partita/node/service"
	"partita/raft/core"
)

// told passes on what became of a request.
func (p *process) told(e core.Effect) {
	c, id := p.m.cluster, p.m.id
	switch e := e.(type) {
	case core.Proposed:
		if !p.orders.placed(e) {
			p.serve(p.service.Proposed(e.ID, e.Index, e.Term))
		}
	case core.ReadReady:
		c.count(readsConfirmed)
		switch asked := c.watch.ReadReady(id, e.ID, e.Index, e.Lease); {
		case e.Lease:
			c.count(leaseReads)
		case asked:
			c.count(leasesMissed)
		}
		p.serve(p.service.ReadReady(e.ID, e.Index, e.Lease))
	case core.TransferDone:
		c.count(transfers)
		p.orders.transferred(e.ID)
	case core.Refused:
		switch e.Reason {
		case core.Overloaded:
			c.count(overloads)
		case core.Abandoned:
			c.count(transfersAbandoned)
		}
		if !p.orders.refused(e) {
			c.watch.ReadEnded(id, e.ID)
			p.serve(p.refusal(e))
		}
	}
}

// refusal says why a read or a write was refused, as a node does.
func (p *process) refusal(e core.Refused) []service.Effect {
	switch e.Reason {
	case core.Overloaded:
		return p.service.Declined(e.ID, api.Overloaded, "too much waits for the log already")
	case core.Transferring:
		return p.service.Declined(e.ID, api.Transferring, "the leader is letting another lead")
	}
	return p.service.Refused(e.ID, e.Reason)
}
