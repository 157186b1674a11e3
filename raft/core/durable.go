package core

// write is an AppendLog effect whose completion has not come. Last is the
// last entry that its completion will prove durable: it shrinks when those
// entries are replaced meanwhile.
type write struct {
	number uint64
	last   Index
}

// disk knows what of this member's state is durable, and holds back what may
// only leave after it.
type disk struct {
	issued    uint64  // number of the latest AppendLog effect
	completed uint64  // number of the latest that is durable
	writes    []write // issued and not completed, in order
	durable   Index   // every entry up to here is on disk

	hardAt      uint64 // the AppendLog that carries the present hard state
	hardChanged bool   // the hard state changed in this step
	newFrom     Index  // the log changed in this step from here on; 0 if not

	held []heldSend
}

// heldSend is a message that waits for the hard state of its term and for the
// entries it speaks of to be durable.
type heldSend struct {
	envelope Envelope
	hardAt   uint64
	index    Index
}

// changeHardState notes a new term, vote or boot. It is written at the end of
// the step; what is sent from here on waits for it.
func (c *Core) changeHardState(next HardState) {
	c.hard = next
	c.disk.hardChanged = true
	c.disk.hardAt = c.disk.issued + 1
}

// changeLog notes that the log has new entries from an index on. What writes
// under way would prove about replaced entries is void: only the number of a
// write tells an old entry from a new one of the same index and term.
func (c *Core) changeLog(from Index) {
	d := &c.disk
	if d.newFrom == 0 || from < d.newFrom {
		d.newFrom = from
	}
	d.durable = min(d.durable, from-1)
	for i := range d.writes {
		d.writes[i].last = min(d.writes[i].last, from-1)
	}
}

// flush emits what this step changed as one batch.
func (c *Core) flush() {
	d := &c.disk
	if !d.hardChanged && d.newFrom == 0 {
		return
	}
	d.issued++
	batch := AppendLog{Number: d.issued, HardState: c.hard}
	w := write{number: d.issued}
	if d.newFrom > 0 {
		batch.From = d.newFrom
		batch.Entries = c.log.from(d.newFrom)
		w.last = c.log.last().Index
	}
	d.writes = append(d.writes, w)
	d.hardChanged, d.newFrom = false, 0
	c.emit(batch)
}

// onAppended takes note of what is durable now, and lets go what waited for it.
func (c *Core) onAppended(ev Appended) {
	d := &c.disk
	if ev.Number <= d.completed || ev.Number > d.issued {
		return
	}
	d.completed = ev.Number
	done := 0
	for done < len(d.writes) && d.writes[done].number <= ev.Number {
		d.durable = max(d.durable, d.writes[done].last)
		done++
	}
	d.writes = append(d.writes[:0], d.writes[done:]...)
	c.release()
	c.countOwnVote()
	if c.role == Leader {
		c.advanceCommit()
	}
	c.applyCommitted()
}

// reply sends a message once the hard state and every entry up to index are
// durable. A message that waits is dropped when the term changes: what it
// promises was promised in that term.
func (c *Core) reply(to NodeID, m Message, index Index) {
	h := heldSend{Envelope{c.cfg.ID, to, c.hard.Term, m}, c.disk.hardAt, index}
	if c.mayLeave(h) {
		c.emit(Send{h.envelope})
		return
	}
	c.disk.held = append(c.disk.held, h)
}

// send sends a message once the hard state is durable.
func (c *Core) send(to NodeID, m Message) { c.reply(to, m, 0) }

func (c *Core) mayLeave(h heldSend) bool {
	return c.disk.completed >= h.hardAt && c.disk.durable >= h.index
}

func (c *Core) release() {
	kept := c.disk.held[:0]
	for _, h := range c.disk.held {
		if c.mayLeave(h) {
			c.emit(Send{h.envelope})
		} else {
			kept = append(kept, h)
		}
	}
	clear(c.disk.held[len(kept):])
	c.disk.held = kept
}
