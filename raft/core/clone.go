package core

import "slices"

// Clone makes a member that goes on from the same state on its own. Entries
// are shared, since nobody writes to them; whatever either of the two appends
// goes into memory of its own.
func (c *Core) Clone() *Core {
	d := *c
	d.effects = nil
	d.cfg.Voters = slices.Clone(c.cfg.Voters)
	d.configs = slices.Clone(c.configs)
	d.install = c.install.clone()
	d.log.entries = slices.Clip(c.log.entries)
	d.disk.writes = slices.Clone(c.disk.writes)
	d.disk.held = slices.Clone(c.disk.held)
	d.lead.peers = slices.Clone(c.lead.peers)
	for i := range d.lead.peers {
		d.lead.peers[i].inflight = slices.Clone(d.lead.peers[i].inflight)
	}
	d.lead.reads = slices.Clone(c.lead.reads)
	d.lead.stamps = slices.Clone(c.lead.stamps)
	d.client.forwards = slices.Clone(c.client.forwards)
	d.client.reads = slices.Clone(c.client.reads)
	d.client.taken = slices.Clone(c.client.taken)
	return &d
}
